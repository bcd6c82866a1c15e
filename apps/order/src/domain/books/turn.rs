//! How everything is looked at in turn: all orders, all products, then what others hold for orders that may not exist.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Where the check of everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub phase: Phase,
    /// The last row that was looked at.
    pub after: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Orders,
    Products,
    Reservations,
    Payments,
}

/// Text that is no place in the check of everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the check of everything")]
pub struct NotATurn;

impl Turn {
    pub const START: Turn = Turn { phase: Phase::Orders, after: None };

    /// What comes after a page that ended with `last`, or after one that was the phase's last; none at the end.
    pub fn next(self, last: Option<Uuid>) -> Option<Turn> {
        if last.is_some() {
            return Some(Turn { phase: self.phase, after: last });
        }
        let phase = match self.phase {
            Phase::Orders => Phase::Products,
            Phase::Products => Phase::Reservations,
            Phase::Reservations => Phase::Payments,
            Phase::Payments => return None,
        };
        Some(Turn { phase, after: None })
    }
}

impl Phase {
    const ALL: [Phase; 4] = [Phase::Orders, Phase::Products, Phase::Reservations, Phase::Payments];

    const fn name(self) -> &'static str {
        match self {
            Phase::Orders => "orders",
            Phase::Products => "products",
            Phase::Reservations => "reservations",
            Phase::Payments => "payments",
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            None => formatter.write_str(self.phase.name()),
            Some(after) => write!(formatter, "{}:{after}", self.phase.name()),
        }
    }
}

impl FromStr for Turn {
    type Err = NotATurn;

    fn from_str(text: &str) -> Result<Turn, NotATurn> {
        let (name, after) = match text.split_once(':') {
            None => (text, None),
            Some((name, after)) => (name, Some(after.parse().map_err(|_| NotATurn)?)),
        };
        let phase = Phase::ALL.into_iter().find(|phase| phase.name() == name).ok_or(NotATurn)?;
        Ok(Turn { phase, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_its_turn_once() {
        let page = Uuid::from_u128(7);
        let mut turn = Some(Turn::START);
        let mut seen = Vec::new();
        while let Some(now) = turn {
            seen.push(now.to_string());
            assert_eq!(now.to_string().parse(), Ok(now));
            turn = now.next((now.after.is_none() && now.phase == Phase::Orders).then_some(page));
        }
        assert_eq!(seen, ["orders", &format!("orders:{page}"), "products", "reservations", "payments"]);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "users", "orders:", "orders:7"] {
            assert_eq!(text.parse::<Turn>(), Err(NotATurn), "{text}");
        }
    }
}
