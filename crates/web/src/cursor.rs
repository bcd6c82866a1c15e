//! Pages by key, not by offset: a cursor holds the last row's key and is opaque to clients.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::ProblemType;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::Problem;

/// The query of every list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Rows on a page; the service's largest page bounds it.
    #[param(minimum = 1, example = 20)]
    pub limit: Option<i64>,
    /// Where the page before ended: its `next_cursor`.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Absent on the last page.
    pub next_cursor: Option<String>,
}

/// A row's key as text that goes out and comes back.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<T>(pub T);

impl Page {
    /// Rows to read, at most `largest`; 20 when the client does not say.
    ///
    /// # Errors
    /// `invalid-parameter` when the limit is below one.
    pub fn limit(&self, largest: u64) -> Result<i64, Problem> {
        let largest = i64::try_from(largest).unwrap_or(i64::MAX);
        match self.limit {
            None => Ok(largest.min(20)),
            Some(limit) if limit >= 1 => Ok(limit.min(largest)),
            Some(limit) => {
                Err(Problem::new(ProblemType::InvalidParameter).detail(format!("limit {limit} is below 1")))
            }
        }
    }

    /// The key after which to go on.
    ///
    /// # Errors
    /// `invalid-cursor` when it is not one that was given out.
    pub fn after<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        self.cursor
            .as_deref()
            .map(|text| {
                URL_SAFE_NO_PAD
                    .decode(text)
                    .ok()
                    .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                    .ok_or_else(|| Problem::new(ProblemType::InvalidCursor))
            })
            .transpose()
    }
}

/// By hand, since the derived one leaves out the schema of what is listed.
impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        "List".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        let cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Absent on the last page."));
        ObjectBuilder::new()
            .description(Some("One page of a list."))
            .property("items", ArrayBuilder::new().items(Ref::from_schema_name(T::name())))
            .property("next_cursor", cursor)
            .required("items")
            .into()
    }
}

impl<T: Serialize> Cursor<T> {
    pub fn encode(&self) -> String {
        let json = serde_json::to_vec(&self.0).expect("invariant: a key is strings and integers");
        URL_SAFE_NO_PAD.encode(json)
    }
}

impl<T> List<T> {
    /// A page from up to `limit + 1` rows: the one too many says that there is another page.
    pub fn from_rows<K: Serialize>(mut items: Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> List<T> {
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| Cursor(key(last)).encode());
        List { items, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_out_and_nothing_else_passes() {
        let list = List::from_rows(vec![1, 2, 3], 2, |row| *row);
        assert_eq!(list.items, [1, 2]);
        let page = Page { limit: None, cursor: list.next_cursor };
        assert_eq!(page.after::<i32>().unwrap(), Some(2));
        for forged in ["", "!!", "bm90IGpzb24"] {
            let page = Page { limit: None, cursor: Some(forged.into()) };
            assert_eq!(page.after::<i32>().unwrap_err().kind, ProblemType::InvalidCursor);
        }
        assert_eq!(List::from_rows(vec![1, 2], 2, |row| *row).next_cursor, None);
    }
}
