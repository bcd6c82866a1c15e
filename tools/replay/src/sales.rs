//! The whole file as what is to be done with it: products to import, buyers to register, orders to place.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use anyhow::Context;
use chrono::NaiveDateTime;
use contracts::{Money, Quantity};
use serde::Serialize;

use crate::row::{Header, Row};

const SHIPPED: &[u8] = include_bytes!("../data/online_retail_france.csv");
/// Postage, carriage, discounts, samples, fees, donations and manual lines: nothing that lies on a shelf.
const WITHOUT_STOCK: [&str; 12] =
    ["POST", "DOT", "M", "C", "C2", "C3", "D", "S", "B", "CRUK", "AMAZONFEE", "BANK CHARGES"];

/// Where the orders come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The file that comes with this program.
    Shipped,
    File(PathBuf),
}

impl Source {
    pub fn name(&self) -> String {
        match self {
            Source::Shipped => "online_retail_france.csv".to_owned(),
            Source::File(path) => path.display().to_string(),
        }
    }

    pub fn read(&self) -> anyhow::Result<Sales> {
        match self {
            Source::Shipped => Sales::parse(SHIPPED),
            Source::File(path) => {
                let content =
                    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                Sales::parse(&content).with_context(|| format!("{} is not of the shape", path.display()))
            }
        }
    }
}

/// A stock code at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub sku: String,
    pub name: String,
    pub price: Money,
    pub stock_controlled: bool,
    /// How many the file sells in all.
    pub sold: u64,
}

/// What one invoice sold to one buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub number: String,
    pub date: NaiveDateTime,
    pub buyer: Buyer,
    pub country: String,
    pub lines: Vec<Line>,
    /// Of its readable lines, in pence.
    pub total: i64,
}

impl Invoice {
    /// The words by which the order can be found again.
    pub fn reference(&self) -> String {
        format!("invoice {} {}", self.number, self.date.format("%Y-%m-%dT%H:%M:%S"))
    }

    /// One order for each invoice, however often it is sent.
    pub fn idempotency_key(&self) -> String {
        format!("replay-invoice-{}", self.number)
    }
}

/// A place in [`Sales::products`] and how many of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub product: usize,
    pub quantity: Quantity,
}

/// Who an invoice is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Buyer {
    Customer(String),
    /// The invoice names nobody, so its buyer is known by its number.
    OfInvoice(String),
}

impl Buyer {
    pub fn email(&self) -> String {
        match self {
            Buyer::Customer(id) => format!("customer-{id}@example.com"),
            Buyer::OfInvoice(number) => format!("invoice-{number}@example.com"),
        }
    }

    pub fn name(&self) -> String {
        match self {
            Buyer::Customer(id) => format!("Customer {id}"),
            Buyer::OfInvoice(number) => format!("Buyer of invoice {number}"),
        }
    }
}

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Counted from 1, the header's.
    pub line: usize,
    pub reason: String,
}

/// Everything that a file asks for.
#[derive(Debug, Clone, Default)]
pub struct Sales {
    /// In the file's order.
    pub products: Vec<Product>,
    pub invoices: Vec<Invoice>,
    /// Invoices that take back; they are left out.
    pub cancellations: usize,
    pub unreadable: Vec<Unreadable>,
}

impl Sales {
    /// Reads a whole file; only one without the header is an error.
    pub fn parse(content: &[u8]) -> anyhow::Result<Sales> {
        let mut lines = (1..).zip(content.split(|byte| *byte == b'\n'));
        let (_, first) = lines.next().context("the file is empty")?;
        let header = Header::read(first)?;
        let mut reader = Reader::default();
        for (number, line) in lines {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let taken = header.row(line).map_err(anyhow::Error::from).and_then(|row| reader.take(row));
            if let Err(error) = taken {
                reader.sales.unreadable.push(Unreadable { line: number, reason: format!("{error:#}") });
            }
        }
        reader.sales.cancellations = reader.cancellations.len();
        Ok(reader.sales)
    }

    pub fn buyers(&self) -> BTreeSet<&Buyer> {
        self.invoices.iter().map(|invoice| &invoice.buyer).collect()
    }

    /// What all orders must come to, in pence.
    pub fn total(&self) -> i64 {
        self.invoices.iter().map(|invoice| invoice.total).sum()
    }
}

/// The file as far as it has been read.
#[derive(Default)]
struct Reader {
    sales: Sales,
    cancellations: HashSet<String>,
    product_places: HashMap<String, usize>,
    invoice_places: HashMap<String, usize>,
}

impl Reader {
    fn take(&mut self, row: Row) -> anyhow::Result<()> {
        if row.cancellation() {
            self.cancellations.insert(row.invoice);
            return Ok(());
        }
        let quantity = Quantity::new(row.quantity)?;
        let total = row.price.amount() * i64::from(quantity.get());
        let product = self.product(&row, quantity);
        let invoice = self.invoice(row);
        invoice.lines.push(Line { product, quantity });
        invoice.total += total;
        Ok(())
    }

    fn product(&mut self, row: &Row, quantity: Quantity) -> usize {
        let sku = format!("{}@{}", row.stock_code.replace(' ', "-"), row.price.amount());
        let products = &mut self.sales.products;
        let place = *self.product_places.entry(sku).or_insert_with_key(|sku| {
            products.push(Product {
                sku: sku.clone(),
                name: if row.description.is_empty() { &row.stock_code } else { &row.description }.clone(),
                price: row.price,
                stock_controlled: !WITHOUT_STOCK
                    .iter()
                    .any(|code| code.eq_ignore_ascii_case(&row.stock_code)),
                sold: 0,
            });
            products.len() - 1
        });
        products[place].sold += u64::from(quantity.get());
        place
    }

    /// The row's invoice; its first readable line says when it was and for whom.
    fn invoice(&mut self, row: Row) -> &mut Invoice {
        let invoices = &mut self.sales.invoices;
        let place = *self.invoice_places.entry(row.invoice.clone()).or_insert_with(|| {
            invoices.push(Invoice {
                buyer: row.customer.map_or_else(|| Buyer::OfInvoice(row.invoice.clone()), Buyer::Customer),
                number: row.invoice,
                date: row.date,
                country: row.country,
                lines: Vec::new(),
                total: 0,
            });
            invoices.len() - 1
        });
        &mut invoices[place]
    }
}
