//! One line of the file, read into types or refused with its reason.
//!
//! A row is one line: a quote that is never closed spoils its own line and swallows no other.

use chrono::NaiveDateTime;
use contracts::Money;

use crate::price::{self, PriceError};

const COLUMNS: [&str; 8] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
];
/// Numbers and codes end up in headers, e-mail addresses and stock keeping units, which have bounds.
const LONGEST_CODE: usize = 32;

/// Where each column stands in this file.
#[derive(Debug, Clone)]
pub struct Header {
    width: usize,
    places: [usize; COLUMNS.len()],
}

/// One order line as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub invoice: String,
    pub stock_code: String,
    pub description: String,
    /// Negative in cancellations.
    pub quantity: i64,
    pub date: NaiveDateTime,
    pub price: Money,
    pub customer: Option<String>,
    pub country: String,
}

impl Row {
    /// Takes back what another invoice sold.
    pub fn cancellation(&self) -> bool {
        self.invoice.starts_with('C')
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RowError {
    #[error("the line is not CSV")]
    Csv(#[from] csv::Error),
    #[error("{found} columns where the header has {expected}")]
    Columns { found: usize, expected: usize },
    #[error("{column} holds a control character")]
    ControlCharacter { column: &'static str },
    #[error("{column} {text:?} is empty, longer than {LONGEST_CODE} characters or not plain text")]
    Code { column: &'static str, text: String },
    #[error("quantity {0:?} is not a whole number")]
    Quantity(String),
    #[error("date {0:?} is not month/day/year hour:minute")]
    Date(String),
    #[error(transparent)]
    Price(#[from] PriceError),
}

#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    #[error("the first line is not CSV")]
    Csv(#[from] csv::Error),
    #[error("the first line names no column {0}")]
    Missing(&'static str),
}

impl Header {
    pub fn read(line: &[u8]) -> Result<Header, HeaderError> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let names = fields(line)?;
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            *place = names.iter().position(|name| name == column).ok_or(HeaderError::Missing(column))?;
        }
        Ok(Header { width: names.len(), places })
    }

    /// Reads a line below this header.
    pub fn row(&self, line: &[u8]) -> Result<Row, RowError> {
        let fields = fields(line)?;
        if fields.len() != self.width {
            return Err(RowError::Columns { found: fields.len(), expected: self.width });
        }
        let texts = self.places.map(|place| fields[place].as_str());
        for (text, column) in texts.iter().zip(COLUMNS) {
            if text.chars().any(char::is_control) {
                return Err(RowError::ControlCharacter { column });
            }
        }
        let [invoice, stock_code, description, quantity, date, unit_price, customer, country] = texts;
        Ok(Row {
            invoice: word("InvoiceNo", invoice)?,
            stock_code: code("StockCode", stock_code)?,
            description: description.split_whitespace().collect::<Vec<_>>().join(" "),
            quantity: quantity.parse().map_err(|_| RowError::Quantity(quantity.to_owned()))?,
            date: NaiveDateTime::parse_from_str(date, "%m/%d/%Y %H:%M")
                .map_err(|_| RowError::Date(date.to_owned()))?,
            price: price::parse(unit_price)?,
            customer: (!customer.is_empty()).then(|| word("CustomerID", customer)).transpose()?,
            country: country.to_owned(),
        })
    }
}

/// The trimmed fields of one line; letters that are not UTF-8 are replaced, since only names hold any.
fn fields(line: &[u8]) -> Result<Vec<String>, csv::Error> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).buffer_capacity(line.len().max(1)).from_reader(line);
    let mut record = csv::ByteRecord::new();
    reader.read_byte_record(&mut record)?;
    Ok(record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect())
}

/// A short text of visible ASCII characters and spaces.
fn code(column: &'static str, text: &str) -> Result<String, RowError> {
    let plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if text.is_empty() || text.len() > LONGEST_CODE || !plain {
        return Err(RowError::Code { column, text: text.to_owned() });
    }
    Ok(text.to_owned())
}

/// A code that can stand in a header and before the `@` of an e-mail address.
fn word(column: &'static str, text: &str) -> Result<String, RowError> {
    let text = code(column, text)?;
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(text)
    } else {
        Err(RowError::Code { column, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] =
        b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

    fn read(line: &str) -> Result<Row, RowError> {
        Header::read(HEADER).unwrap().row(line.as_bytes())
    }

    fn reason(line: &str) -> String {
        read(line).unwrap_err().to_string()
    }

    #[test]
    fn a_line_is_read_into_types() {
        let row =
            read(r#" 537463 ,22041,"RECORD FRAME 7""  SINGLE SIZE ",6,12/7/2010 10:08,2.55,12681,France"#)
                .unwrap();
        assert_eq!(row.invoice, "537463");
        assert_eq!(row.stock_code, "22041");
        assert_eq!(row.description, "RECORD FRAME 7\" SINGLE SIZE");
        assert_eq!(row.quantity, 6);
        assert_eq!(row.date.to_string(), "2010-12-07 10:08:00");
        assert_eq!(row.price.amount(), 255);
        assert_eq!(row.customer.as_deref(), Some("12681"));
        assert_eq!(row.country, "France");
        assert!(!row.cancellation());
    }

    #[test]
    fn a_missing_customer_is_none_and_a_cancellation_is_known_by_its_number() {
        let row = read("C536379,D,Discount,-1,12/1/2010 9:41,27.50,,France").unwrap();
        assert_eq!(row.customer, None);
        assert!(row.cancellation());
    }

    #[test]
    fn columns_are_found_by_name() {
        let header = Header::read(
            b"\xef\xbb\xbfCountry,CustomerID,UnitPrice,InvoiceDate,Quantity,Description,StockCode,InvoiceNo,More",
        )
        .unwrap();
        let row = header.row(b"France,12583,3.75,12/1/2010 8:45,24,CLOCK,22728,536370,x\r").unwrap();
        assert_eq!((row.invoice.as_str(), row.quantity), ("536370", 24));
        let missing = Header::read(b"InvoiceNo,StockCode").unwrap_err();
        assert_eq!(missing.to_string(), "the first line names no column Description");
    }

    #[test]
    fn each_way_to_be_unreadable_has_its_reason() {
        assert_eq!(reason("536370,22728,CLOCK,24"), "4 columns where the header has 8");
        assert_eq!(
            reason("536370,22728,\"CLOCK,24,12/1/2010 8:45,3.75,12583,France"),
            "3 columns where the header has 8"
        );
        assert_eq!(
            reason("536370,22728,CLOCK,1.5,12/1/2010 8:45,3.75,12583,France"),
            "quantity \"1.5\" is not a whole number"
        );
        assert_eq!(
            reason("536370,22728,CLOCK,1,13/45/2010 8:45,3.75,12583,France"),
            "date \"13/45/2010 8:45\" is not month/day/year hour:minute"
        );
        assert_eq!(
            reason("536370,22728,CLOCK,1,12/1/2010 8:45,0.001,12583,France"),
            "price \"0.001\" does not fit in whole pence"
        );
        assert_eq!(
            reason("536370,22728,CL\0CK,1,12/1/2010 8:45,1,12583,France"),
            "Description holds a control character"
        );
        for line in [
            ",22728,CLOCK,1,12/1/2010 8:45,1,12583,France",
            "536370,,CLOCK,1,12/1/2010 8:45,1,12583,France",
            "536370,22728,CLOCK,1,12/1/2010 8:45,1,a@b,France",
            "5363701234567890123456789012345678901,22728,CLOCK,1,12/1/2010 8:45,1,12583,France",
        ] {
            assert!(matches!(read(line), Err(RowError::Code { .. })), "{line}");
        }
    }

    #[test]
    fn a_name_that_is_not_unicode_is_kept_as_well_as_can_be() {
        let row = Header::read(HEADER)
            .unwrap()
            .row(b"536370,22728,\xa31 CLOCK,1,12/1/2010 8:45,1,12583,France")
            .unwrap();
        assert_eq!(row.description, "\u{fffd}1 CLOCK");
    }
}
