//! What became of parts of an order: cancelled, shipped, sent back. Each is told under an id of its own and counts
//! once; what is left of an order's hold is what was claimed less the sums of its parts.

use std::collections::BTreeMap;

use contracts::ProductId;
use contracts::event::Part;
use uuid::Uuid;

use super::{Effect, Promise};
use crate::domain::stock::Held;

/// What became of pieces of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// Taken back before they were shipped.
    Cancelled,
    /// Gone with a parcel.
    Shipped,
    /// Sent back, and on the shelf again.
    Returned,
}

/// What was told under one id: by kind a cancellation's, a parcel's or a return's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub kind: PartKind,
    pub id: Uuid,
    /// One entry for each product, in the products' order; also those that are not under stock control.
    pub pieces: Vec<Held>,
}

/// Everything told so far, whatever came first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts(BTreeMap<(PartKind, Uuid), Vec<Held>>);

/// What a confirmed order holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// What was claimed of each product under stock control; never changes.
    pub claimed: Vec<Held>,
    pub parts: Parts,
}

/// Something was told that cannot be so: nothing is done about it, and a person has to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    #[error("{} {id} names {pieces} pieces of product {product_id}, of which {left} are left", kind.cause())]
    MoreThanLeft { kind: PartKind, id: Uuid, product_id: ProductId, pieces: i64, left: i64 },
    #[error("{} {id} is of an order for which nothing is held", kind.cause())]
    NothingHeld { kind: PartKind, id: Uuid },
    #[error("the order has ended as {0}, and a part of it was shipped")]
    EndedAfterShipping(&'static str),
}

impl Told {
    /// Entries that name the same product are summed.
    pub fn new(kind: PartKind, id: Uuid, parts: &[Part]) -> Told {
        let mut sums = BTreeMap::<ProductId, i64>::new();
        for part in parts {
            *sums.entry(part.product_id).or_default() += i64::from(part.quantity.get());
        }
        let pieces = sums.into_iter().map(|(product_id, pieces)| Held { product_id, pieces }).collect();
        Told { kind, id, pieces }
    }
}

impl Parts {
    /// Adds what was told; what has no pieces leaves no trace, and the same id counts once.
    pub fn with(mut self, told: Told) -> Parts {
        if !told.pieces.is_empty() {
            self.0.entry((told.kind, told.id)).or_insert(told.pieces);
        }
        self
    }

    pub fn know(&self, kind: PartKind, id: Uuid) -> bool {
        self.0.contains_key(&(kind, id))
    }

    pub fn iter(&self) -> impl Iterator<Item = Told> {
        self.0.iter().map(|(&(kind, id), pieces)| Told { kind, id, pieces: pieces.clone() })
    }

    /// Whether anything has left the shop.
    pub fn shipped(&self) -> bool {
        self.0.keys().any(|(kind, _)| match kind {
            PartKind::Shipped | PartKind::Returned => true,
            PartKind::Cancelled => false,
        })
    }

    /// The sum of one product's pieces.
    pub fn sum(&self, kind: PartKind, product_id: ProductId) -> i64 {
        let of_kind = self.0.iter().filter(|((told, _), _)| *told == kind);
        let pieces = of_kind.flat_map(|(_, pieces)| pieces).filter(|held| held.product_id == product_id);
        pieces.map(|held| held.pieces).sum()
    }
}

impl Allocation {
    /// All that was claimed, with nothing told of its parts yet.
    pub fn whole(claimed: Vec<Held>) -> Allocation {
        Allocation { claimed, parts: Parts::default() }
    }

    /// What is still promised to the order.
    pub fn left(&self) -> Vec<Held> {
        let left = self.claimed.iter().map(|held| Held { pieces: self.left_of(held), ..*held });
        left.filter(|held| held.pieces > 0).collect()
    }

    /// Adds what was told, and says what follows for the stock; nothing where it was known before, or where no
    /// product of it is under stock control.
    ///
    /// # Errors
    /// When it names more than there is; then nothing is added.
    pub fn hear(self, told: Told) -> Result<(Allocation, Option<Effect>), Contradiction> {
        let Told { kind, id, .. } = told;
        if self.parts.know(kind, id) {
            return Ok((self, None));
        }
        let mut held = Vec::new();
        for asked in &told.pieces {
            let Some(claimed) = self.claimed.iter().find(|claimed| claimed.product_id == asked.product_id)
            else {
                continue;
            };
            let left = self.bound(kind, claimed);
            if asked.pieces > left {
                let Held { product_id, pieces } = *asked;
                return Err(Contradiction::MoreThanLeft { kind, id, product_id, pieces, left });
            }
            held.push(*asked);
        }
        let effect = (!held.is_empty()).then_some(match kind {
            PartKind::Cancelled => Effect::Release { held, from: Promise::Allocated, cause: Some(id) },
            PartKind::Shipped => Effect::Ship { held, cause: id },
            PartKind::Returned => Effect::Restock { parts: held, cause: id },
        });
        Ok((Allocation { parts: self.parts.with(told), ..self }, effect))
    }

    /// The most pieces that may still be told of. A return may be heard of before its parcel, so it is bound by
    /// what was not cancelled, and the other way round.
    fn bound(&self, kind: PartKind, claimed: &Held) -> i64 {
        let not_sent_back = self.without(claimed, PartKind::Returned);
        match kind {
            PartKind::Cancelled => self.left_of(claimed).min(not_sent_back),
            PartKind::Shipped => self.left_of(claimed),
            PartKind::Returned => not_sent_back,
        }
    }

    fn left_of(&self, claimed: &Held) -> i64 {
        self.without(claimed, PartKind::Shipped)
    }

    /// What was claimed and neither cancelled nor told of as this kind.
    fn without(&self, claimed: &Held, kind: PartKind) -> i64 {
        let sum = |kind| self.parts.sum(kind, claimed.product_id);
        claimed.pieces - sum(PartKind::Cancelled) - sum(kind)
    }
}

impl PartKind {
    pub const ALL: [PartKind; 3] = [PartKind::Cancelled, PartKind::Shipped, PartKind::Returned];

    pub const fn name(self) -> &'static str {
        match self {
            PartKind::Cancelled => "cancelled",
            PartKind::Shipped => "shipped",
            PartKind::Returned => "returned",
        }
    }

    pub fn from_name(name: &str) -> Option<PartKind> {
        PartKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What its id names.
    const fn cause(self) -> &'static str {
        match self {
            PartKind::Cancelled => "cancellation",
            PartKind::Shipped => "parcel",
            PartKind::Returned => "return",
        }
    }
}
