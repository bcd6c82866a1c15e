//! Values for some: a percentage of orders, or callers by name.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Kind, Value, ValueError};
use crate::OrderId;

/// For whom a key can have a value of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// For nobody: it is read for the service as a whole.
    Service,
    /// For callers: a user or an API key.
    Callers,
    /// For percentages of orders, and for callers; it is read once for an order, when it is placed.
    Orders,
}

/// Whom a scoped value is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Users and API keys, by their ids.
    Callers(Vec<Uuid>),
    /// So many of a hundred orders, 1 to 100; an order that belongs to 5 % belongs to 20 % too.
    Percent(u8),
}

/// A value for some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    pub audience: Audience,
    pub value: Value,
}

/// A key's scoped values; the first that fits holds, callers before percentages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

/// Why scoped values were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    #[error(
        "a scope is {{\"audience\": {{\"percent\": 10}}, \"value\": …}} or has {{\"callers\": [ids]}} as its audience"
    )]
    Form,
    #[error("a percentage is 1 to 100")]
    Percentage,
    #[error("a scope names 1 to {most} callers", most = Scopes::MOST_CALLERS)]
    Callers,
    #[error("a key has at most {most} scopes", most = Scopes::MOST)]
    TooMany,
    #[error("the caller {0} is named twice; a key has one value for each")]
    NamedTwice(Uuid),
    #[error(
        "the value for {percent} % of orders never holds behind that for {by} %; smaller parts stand first"
    )]
    Covered { percent: u8, by: u8 },
    #[error("this key has no value of its own for {0}")]
    Unreachable(&'static str),
    #[error("the value for {audience}: {source}")]
    Value { audience: String, source: ValueError },
}

impl Scopes {
    pub const MOST: usize = 8;
    pub const MOST_CALLERS: usize = 20;

    /// Reads scoped values of a key as people and the table hold them.
    ///
    /// # Errors
    /// [`ScopeError`] names what the key cannot have, or the value's bound.
    pub fn read(kind: &Kind, reach: Reach, json: &Json) -> Result<Scopes, ScopeError> {
        let scopes = json.as_array().ok_or(ScopeError::Form)?;
        if scopes.len() > Scopes::MOST {
            return Err(ScopeError::TooMany);
        }
        let mut scopes =
            scopes.iter().map(|scope| read_one(kind, reach, scope)).collect::<Result<Vec<_>, _>>()?;
        scopes.sort_by_key(|scope| matches!(scope.audience, Audience::Percent(_)));
        let scopes = Scopes(scopes);
        scopes.each_can_hold()?;
        Ok(scopes)
    }

    /// The value for what this caller asks, if it has one of its own. A caller is called by its user and, when a
    /// machine calls, by its API key.
    pub fn for_caller(&self, caller: &[Uuid]) -> Option<&Value> {
        self.first(|audience| match audience {
            Audience::Callers(callers) => caller.iter().any(|id| callers.contains(id)),
            Audience::Percent(_) => false,
        })
    }

    /// The value for this order of this caller, if it has one of its own.
    pub fn for_order(&self, key: &str, order: OrderId, caller: &[Uuid]) -> Option<&Value> {
        self.first(|audience| match audience {
            Audience::Callers(callers) => caller.iter().any(|id| callers.contains(id)),
            Audience::Percent(percent) => hundredth(key, order) < *percent,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// # Errors
    /// The first value that those before it leave nobody.
    fn each_can_hold(&self) -> Result<(), ScopeError> {
        let (mut named, mut covered) = (HashSet::new(), 0);
        for scope in &self.0 {
            match &scope.audience {
                Audience::Callers(callers) => {
                    if let Some(twice) = callers.iter().find(|id| !named.insert(**id)) {
                        return Err(ScopeError::NamedTwice(*twice));
                    }
                }
                Audience::Percent(percent) if *percent <= covered => {
                    return Err(ScopeError::Covered { percent: *percent, by: covered });
                }
                Audience::Percent(percent) => covered = *percent,
            }
        }
        Ok(())
    }

    fn first(&self, fits: impl Fn(&Audience) -> bool) -> Option<&Value> {
        self.0.iter().find(|scope| fits(&scope.audience)).map(|scope| &scope.value)
    }
}

/// Which of a hundred equal parts of all orders this one belongs to, for this key: 0 to 99.
pub fn hundredth(key: &str, order: OrderId) -> u8 {
    let digest = Sha256::new().chain_update(key).chain_update(order.0.as_bytes()).finalize();
    let (first, _) = digest.split_first_chunk::<8>().expect("invariant: the digest has 32 bytes");
    u8::try_from(u64::from_be_bytes(*first) % 100).expect("invariant: less than a hundred")
}

fn read_one(kind: &Kind, reach: Reach, json: &Json) -> Result<Scope, ScopeError> {
    let scope = json.as_object().filter(|scope| scope.len() == 2).ok_or(ScopeError::Form)?;
    let (audience, value) = scope.get("audience").zip(scope.get("value")).ok_or(ScopeError::Form)?;
    let audience = read_audience(audience)?;
    match (&audience, reach) {
        (Audience::Percent(_), Reach::Service | Reach::Callers) => {
            Err(ScopeError::Unreachable("a part of the orders"))
        }
        (Audience::Callers(_), Reach::Service) => Err(ScopeError::Unreachable("callers")),
        (Audience::Percent(_), Reach::Orders) | (Audience::Callers(_), Reach::Callers | Reach::Orders) => {
            Ok(())
        }
    }?;
    let value =
        kind.read(value).map_err(|source| ScopeError::Value { audience: audience.to_string(), source })?;
    Ok(Scope { audience, value })
}

fn read_audience(json: &Json) -> Result<Audience, ScopeError> {
    let audience = json.as_object().filter(|audience| audience.len() == 1).ok_or(ScopeError::Form)?;
    if let Some(percent) = audience.get("percent") {
        let percent = percent.as_u64().and_then(|percent| u8::try_from(percent).ok());
        return match percent {
            Some(percent @ 1..=100) => Ok(Audience::Percent(percent)),
            Some(_) | None => Err(ScopeError::Percentage),
        };
    }
    let callers = audience.get("callers").and_then(Json::as_array).ok_or(ScopeError::Form)?;
    let callers = callers.iter().map(|id| id.as_str().and_then(|id| id.parse().ok()));
    let callers = callers.collect::<Option<Vec<Uuid>>>().ok_or(ScopeError::Form)?;
    if callers.is_empty() || callers.len() > Scopes::MOST_CALLERS {
        return Err(ScopeError::Callers);
    }
    Ok(Audience::Callers(callers))
}

impl std::fmt::Display for Audience {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Audience::Callers(callers) => write!(to, "{} callers", callers.len()),
            Audience::Percent(percent) => write!(to, "{percent} % of orders"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DAYS: Kind = Kind::Integer { least: 0, most: 365 };
    const KEY: &str = "order.return_window";

    fn read(json: &Json) -> Result<Scopes, ScopeError> {
        Scopes::read(&DAYS, Reach::Orders, json)
    }

    fn orders() -> impl Iterator<Item = OrderId> {
        (0..10_000_u128).map(|number| OrderId(Uuid::from_u128(number)))
    }

    #[test]
    fn a_percentage_is_that_part_of_the_orders_and_a_larger_one_holds_it() {
        let part =
            |percent: u8| orders().filter(|order| hundredth(KEY, *order) < percent).collect::<Vec<_>>();
        let (five, twenty) = (part(5), part(20));
        assert!((400..600).contains(&five.len()), "{} of 10,000 orders are 5 %", five.len());
        assert!((1_850..2_150).contains(&twenty.len()), "{} of 10,000 orders are 20 %", twenty.len());
        assert!(five.iter().all(|order| twenty.contains(order)));
        assert_eq!(part(100).len(), 10_000);
    }

    #[test]
    fn keys_divide_the_orders_each_in_its_own_way() {
        let both =
            orders().filter(|order| hundredth(KEY, *order) < 50 && hundredth("order.deadline", *order) < 50);
        assert!((2_300..2_700).contains(&both.count()));
    }

    #[test]
    fn a_caller_by_name_comes_before_a_percentage() {
        let (named, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let scopes = read(&json!([
            {"audience": {"percent": 100}, "value": 30},
            {"audience": {"callers": [named]}, "value": 60},
        ]))
        .unwrap();
        let order = OrderId(Uuid::from_u128(7));
        assert_eq!(scopes.for_order(KEY, order, &[named]), Some(&Value::Integer(60)));
        assert_eq!(scopes.for_order(KEY, order, &[other]), Some(&Value::Integer(30)));
        assert_eq!(scopes.for_caller(&[other]), None);
        assert_eq!(
            scopes.for_caller(&[other, named]),
            Some(&Value::Integer(60)),
            "a user's API key is the user's"
        );
        let written = serde_json::to_value(&scopes).unwrap();
        assert_eq!(read(&written), Ok(scopes), "scopes read what they wrote");
    }

    #[test]
    fn what_a_key_cannot_have_is_refused_by_name() {
        let percent =
            |percent: Json, value: Json| json!([{"audience": {"percent": percent}, "value": value}]);
        assert_eq!(read(&percent(json!(0), json!(1))), Err(ScopeError::Percentage));
        assert_eq!(read(&percent(json!(101), json!(1))), Err(ScopeError::Percentage));
        assert_eq!(
            read(&percent(json!(10), json!(366))).unwrap_err().to_string(),
            "the value for 10 % of orders: 366 is not between 0 and 365"
        );
        assert_eq!(
            Scopes::read(&DAYS, Reach::Callers, &percent(json!(10), json!(1))).unwrap_err().to_string(),
            "this key has no value of its own for a part of the orders"
        );
        let nobody = json!([{"audience": {"callers": []}, "value": 1}]);
        assert_eq!(read(&nobody), Err(ScopeError::Callers));
        for form in [json!({}), json!([1]), json!([{"value": 1}]), json!([{"audience": {}, "value": 1}])] {
            assert_eq!(read(&form), Err(ScopeError::Form), "{form}");
        }
        let many = vec![json!({"audience": {"percent": 1}, "value": 1}); Scopes::MOST + 1];
        assert_eq!(read(&Json::from(many)), Err(ScopeError::TooMany));
    }

    #[test]
    fn a_value_that_can_never_hold_is_refused_by_name() {
        let [ada, ben, cid] = [1, 2, 3].map(Uuid::from_u128);
        let callers = |callers: &[Uuid]| json!({"audience": {"callers": callers}, "value": 1});
        let percent = |percent: u8| json!({"audience": {"percent": percent}, "value": 1});
        assert!(read(&json!([percent(5), callers(&[ada]), percent(20), callers(&[ben, cid])])).is_ok());

        let twice = format!("the caller {ben} is named twice; a key has one value for each");
        for scopes in [
            json!([callers(&[ben]), callers(&[ben])]),
            json!([callers(&[ada, ben]), percent(5), callers(&[cid, ben])]),
            json!([callers(&[ben, ada, ben])]),
        ] {
            assert_eq!(read(&scopes).unwrap_err().to_string(), twice, "{scopes}");
        }
        for (scopes, percent, by) in [
            (json!([percent(10), percent(10)]), 10, 10),
            (json!([percent(20), callers(&[ada]), percent(5)]), 5, 20),
            (json!([percent(5), percent(20), percent(10)]), 10, 20),
        ] {
            assert_eq!(read(&scopes), Err(ScopeError::Covered { percent, by }), "{scopes}");
        }
        assert_eq!(
            ScopeError::Covered { percent: 5, by: 20 }.to_string(),
            "the value for 5 % of orders never holds behind that for 20 %; smaller parts stand first"
        );
    }
}
