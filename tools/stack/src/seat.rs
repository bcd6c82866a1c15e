//! A seat: one running copy of a service with its sidecar. Every service has one; under test those that handle
//! events may have two, and while secrets change each has another for a time.

use contracts::App;

use crate::trial::Replicas;
use crate::{Instance, kafka};

/// A copy of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub app: App,
    pub copy: Copy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    First,
    Second,
}

const SECOND: &str = "-2";
const SIDECAR: &str = "-daprd";

impl Seat {
    pub fn first(app: App) -> Seat {
        Seat { app, copy: Copy::First }
    }

    /// The name of the service among the parts: `order`, or `order-2`.
    pub fn name(self) -> String {
        match self.copy {
            Copy::First => self.app.name().to_owned(),
            Copy::Second => format!("{}{SECOND}", self.app),
        }
    }

    /// The name of its sidecar among the parts.
    pub fn sidecar(self) -> String {
        format!("{}{SIDECAR}", self.name())
    }

    pub fn from_name(name: &str) -> Option<Seat> {
        let (name, copy) = match name.strip_suffix(SECOND) {
            Some(name) => (name, Copy::Second),
            None => (name, Copy::First),
        };
        App::from_name(name).map(|app| Seat { app, copy })
    }

    pub fn from_sidecar(name: &str) -> Option<Seat> {
        name.strip_suffix(SIDECAR).and_then(Seat::from_name)
    }
}

/// Every seat of an instance.
pub fn all(instance: &Instance) -> Vec<Seat> {
    let mut seats: Vec<Seat> = App::ALL.into_iter().map(Seat::first).collect();
    seats.extend(second(instance));
    seats
}

/// The second copies.
pub fn second(instance: &Instance) -> Vec<Seat> {
    match instance.trial.replicas {
        Replicas::One => Vec::new(),
        Replicas::Two => App::ALL
            .into_iter()
            .filter(|app| kafka::uses_events(*app))
            .map(|app| Seat { app, copy: Copy::Second })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_found_by_the_names_of_its_parts() {
        for app in App::ALL {
            for copy in [Copy::First, Copy::Second] {
                let seat = Seat { app, copy };
                assert_eq!(Seat::from_name(&seat.name()), Some(seat));
                assert_eq!(Seat::from_sidecar(&seat.sidecar()), Some(seat));
                assert_eq!(Seat::from_name(&seat.sidecar()), None);
            }
        }
        assert_eq!(Seat::from_name("postgres"), None);
    }
}
