//! What names a schedule: its number and, when it was shrunk, the parts of it that are kept.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// As text `4711`, or `4711:o0.2,a1,f3.9`: of schedule 4711 only orders 0 and 2, people's act 1 and faults 3 and 9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    pub number: u64,
    pub orders: Kept,
    pub acts: Kept,
    pub faults: Kept,
}

/// Which parts of one sort are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    All,
    Only(BTreeSet<u32>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no seed; one looks like 4711 or 4711:o0.2,a1,f3.9")]
pub struct NotASeed(String);

impl Seed {
    pub const fn whole(number: u64) -> Seed {
        Seed { number, orders: Kept::All, acts: Kept::All, faults: Kept::All }
    }
}

impl Kept {
    pub fn keeps(&self, part: u32) -> bool {
        match self {
            Kept::All => true,
            Kept::Only(parts) => parts.contains(&part),
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.number)?;
        let sorts = [('o', &self.orders), ('a', &self.acts), ('f', &self.faults)];
        let mut between = ':';
        for (letter, kept) in sorts {
            if let Kept::Only(parts) = kept {
                let parts: Vec<String> = parts.iter().map(u32::to_string).collect();
                write!(formatter, "{between}{letter}{}", parts.join("."))?;
                between = ',';
            }
        }
        Ok(())
    }
}

impl FromStr for Seed {
    type Err = NotASeed;

    fn from_str(text: &str) -> Result<Seed, NotASeed> {
        let wrong = || NotASeed(text.to_owned());
        let (number, masks) = text.split_once(':').unwrap_or((text, ""));
        let mut seed = Seed::whole(number.parse().map_err(|_| wrong())?);
        for mask in masks.split(',').filter(|mask| !mask.is_empty()) {
            let (letter, parts) = mask.split_at_checked(1).ok_or_else(wrong)?;
            let parts = parts.split('.').filter(|part| !part.is_empty()).map(str::parse);
            let kept = Kept::Only(parts.collect::<Result<_, _>>().map_err(|_| wrong())?);
            match letter {
                "o" => seed.orders = kept,
                "a" => seed.acts = kept,
                "f" => seed.faults = kept,
                _ => return Err(wrong()),
            }
        }
        Ok(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_read_back_from_its_text() {
        for text in ["0", "4711", "4711:o0.2,a1,f3.9", "18446744073709551615:a,f0"] {
            assert_eq!(text.parse::<Seed>().unwrap().to_string(), text);
        }
        for wrong in ["", "x", "1:z3", "1:o1;2", "1:o-1"] {
            assert!(wrong.parse::<Seed>().is_err(), "{wrong}");
        }
    }
}
