//! What a run has been through: every pair of an aggregate's state and what it was told, and every kind of fault.

pub mod order;
pub mod payment;
pub mod product;

use crate::fault::{Fault, KINDS};

/// Names a state or an input in tables.
pub trait Named: Copy + 'static {
    const ALL: &[Self];
    fn name(self) -> &'static str;
    fn place(self) -> usize;
}

macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($(#[$note:meta])* $variant:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind { $($(#[$note])* $variant,)* }

        impl $kind {
            pub const fn name(self) -> &'static str {
                match self { $($kind::$variant => $name,)* }
            }
        }

        impl $crate::coverage::Named for $kind {
            const ALL: &[$kind] = &[$($kind::$variant,)*];
            fn name(self) -> &'static str {
                $kind::name(self)
            }
            fn place(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use named;

/// Pairs that cannot occur: each of these states with each of these inputs; no names mean all.
#[derive(Debug, Clone, Copy)]
pub struct Never<S: 'static, I: 'static> {
    pub states: &'static [S],
    pub inputs: &'static [I],
    pub reason: &'static str,
}

/// How often each pair occurred.
#[derive(Debug, Clone)]
pub struct Table<S: 'static, I: 'static> {
    pub title: &'static str,
    counts: Vec<u64>,
    never: &'static [Never<S, I>],
}

#[derive(Debug, Clone)]
pub struct Coverage {
    pub order: Table<order::Known, order::Heard>,
    pub product: Table<product::Known, product::Heard>,
    pub payment: Table<payment::Known, payment::Heard>,
    pub faults: [u64; KINDS],
    pub schedules: u64,
    pub orders: u64,
    pub events: u64,
    /// By the order's status at the end.
    pub ends: std::collections::BTreeMap<&'static str, u64>,
}

impl<S: Named, I: Named> Table<S, I> {
    fn new(title: &'static str, never: &'static [Never<S, I>]) -> Table<S, I> {
        Table { title, counts: vec![0; S::ALL.len() * I::ALL.len()], never }
    }

    pub fn hit(&mut self, state: S, input: I) {
        self.counts[state.place() * I::ALL.len() + input.place()] += 1;
    }

    fn add(&mut self, other: &Table<S, I>) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
    }

    pub fn count(&self, state: S, input: I) -> u64 {
        self.counts[state.place() * I::ALL.len() + input.place()]
    }

    /// Why a pair cannot occur; none when it can.
    pub fn never(&self, state: S, input: I) -> Option<&'static str> {
        let names = |never: &&Never<S, I>| {
            (never.states.is_empty() || never.states.iter().any(|named| named.place() == state.place()))
                && (never.inputs.is_empty()
                    || never.inputs.iter().any(|named| named.place() == input.place()))
        };
        self.never.iter().find(names).map(|never| never.reason)
    }

    fn pairs() -> impl Iterator<Item = (S, I)> {
        S::ALL.iter().flat_map(|state| I::ALL.iter().map(|input| (*state, *input)))
    }

    /// How many pairs can occur.
    pub fn possible(&self) -> usize {
        Self::pairs().filter(|(state, input)| self.never(*state, *input).is_none()).count()
    }

    /// Pairs that occurred less often than they should, or although they cannot.
    pub fn wrong(&self, least: u64) -> Vec<String> {
        let mut wrong = Vec::new();
        for (state, input) in Self::pairs() {
            let count = self.count(state, input);
            let pair = format!("{}: {} × {}: {count}", self.title, state.name(), input.name());
            match self.never(state, input) {
                None if count < least => wrong.push(pair),
                Some(reason) if count > 0 => wrong.push(format!("{pair}, although {reason}")),
                None | Some(_) => {}
            }
        }
        wrong
    }

    /// One line for each state: its inputs with their counts, then the pairs that cannot be, by reason.
    pub fn show(&self, lines: &mut Vec<String>) {
        lines.push(format!("\n{}: {} pairs can occur", self.title, self.possible()));
        for state in S::ALL {
            let counted: Vec<String> = I::ALL
                .iter()
                .filter(|input| self.never(*state, **input).is_none())
                .map(|input| format!("{} {}", input.name(), self.count(*state, *input)))
                .collect();
            lines.push(format!("  {}: {}", state.name(), counted.join(" · ")));
        }
        for never in self.never {
            let names = |all: &[&'static str]| {
                if all.is_empty() { "any".to_owned() } else { all.join(", ") }
            };
            let states: Vec<_> = never.states.iter().map(|state| state.name()).collect();
            let inputs: Vec<_> = never.inputs.iter().map(|input| input.name()).collect();
            lines.push(format!("  never: {} × {}: {}", names(&states), names(&inputs), never.reason));
        }
    }
}

impl Default for Coverage {
    fn default() -> Coverage {
        Coverage {
            order: Table::new("order", order::NEVER),
            product: Table::new("product", product::NEVER),
            payment: Table::new("payment", payment::NEVER),
            faults: [0; KINDS],
            schedules: 0,
            orders: 0,
            events: 0,
            ends: std::collections::BTreeMap::new(),
        }
    }
}

impl Coverage {
    pub fn add(&mut self, other: &Coverage) {
        self.order.add(&other.order);
        self.product.add(&other.product);
        self.payment.add(&other.payment);
        for (sum, count) in self.faults.iter_mut().zip(&other.faults) {
            *sum += count;
        }
        self.schedules += other.schedules;
        self.orders += other.orders;
        self.events += other.events;
        for (end, count) in &other.ends {
            *self.ends.entry(end).or_default() += count;
        }
    }

    /// Counts a schedule that ended.
    pub fn note(&mut self, outcome: &crate::world::Outcome) {
        self.schedules += 1;
        self.orders += u64::try_from(outcome.ends.len()).unwrap_or_default();
        self.events += outcome.events;
        for (sum, count) in self.faults.iter_mut().zip(&outcome.faults) {
            *sum += u64::from(*count);
        }
        for end in &outcome.ends {
            *self.ends.entry(end).or_default() += 1;
        }
    }

    /// What was not seen often enough, or was seen although it cannot be.
    pub fn wrong(&self, least_pairs: u64, least_faults: u64) -> Vec<String> {
        let mut wrong = self.order.wrong(least_pairs);
        wrong.extend(self.product.wrong(least_pairs));
        wrong.extend(self.payment.wrong(least_pairs));
        for fault in Fault::ALL {
            let count = self.faults[*fault as usize];
            if count < least_faults {
                wrong.push(format!("fault: {}: {count}", fault.name()));
            }
        }
        wrong
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let pairs = self.order.possible() + self.product.possible() + self.payment.possible();
        format!(
            "{} schedules, {} orders, {} events, {} faults of {KINDS} kinds, {pairs} pairs of state and input",
            self.schedules,
            self.orders,
            self.events,
            self.faults.iter().sum::<u64>(),
        )
    }

    /// The whole of it.
    pub fn report(&self) -> String {
        let mut lines = vec![self.summary(), "\nends of orders".to_owned()];
        lines.extend(self.ends.iter().map(|(end, count)| format!("  {end} {count}")));
        lines.push("\nfaults".to_owned());
        for fault in Fault::ALL {
            lines.push(format!("  {} {}", fault.name(), self.faults[*fault as usize]));
        }
        self.order.show(&mut lines);
        self.product.show(&mut lines);
        self.payment.show(&mut lines);
        lines.join("\n") + "\n"
    }
}
