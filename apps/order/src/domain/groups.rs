//! What became of the orders of a trial: the two groups, counted order by order. Both are equal parts of all orders, so
//! that they fill at the same pace and have seen the same hours.

use std::ops::Range;

use chrono::{DateTime, Utc};
use contracts::OrderId;
use contracts::configuration::{Group, Groups, hundredth};

/// An order that has its end, as far as a trial asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub order_id: OrderId,
    pub placed_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub kind: EndKind,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndKind {
    Confirmed,
    Rejected,
    Expired,
    /// Before or after it was confirmed; who took it back was neither refused nor let down.
    Cancelled,
}

/// The groups while they are counted.
#[derive(Debug, Clone)]
pub struct Counting<'a> {
    key: &'a str,
    /// Which hundredths of all orders.
    tried: Range<u8>,
    others: Range<u8>,
    groups: Groups,
}

impl<'a> Counting<'a> {
    /// Of a trial on 1 to 99 percent.
    pub fn of(key: &'a str, percent: u8) -> Counting<'a> {
        let part = percent.min(100_u8.saturating_sub(percent));
        Counting {
            key,
            tried: 0..part,
            others: percent..percent.saturating_add(part),
            groups: Groups::default(),
        }
    }

    /// Counts an order; they come as they were placed.
    pub fn count(&mut self, order: &Ended) {
        let hundredth = hundredth(self.key, order.order_id);
        let group = if self.tried.contains(&hundredth) {
            &mut self.groups.tried
        } else if self.others.contains(&hundredth) {
            &mut self.groups.others
        } else {
            return;
        };
        group.orders += 1;
        match order.kind {
            EndKind::Confirmed if group.confirmed_in.len() < Group::MOST as usize => {
                let time = (order.ended_at - order.placed_at).num_milliseconds();
                // A clock that was set back makes no order quicker than at once.
                group.confirmed_in.push(u64::try_from(time).unwrap_or_default());
            }
            EndKind::Confirmed | EndKind::Cancelled => {}
            EndKind::Rejected => group.refused += 1,
            EndKind::Expired => group.failed += 1,
        }
    }

    /// Whether more orders would tell nothing new.
    pub fn enough(&self) -> bool {
        self.groups.tried.orders.min(self.groups.others.orders) >= Group::MOST
    }

    pub fn groups(self) -> Groups {
        self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use uuid::Uuid;

    const KEY: &str = "order.deadline";

    fn ended(number: u128, kind: EndKind, milliseconds: i64) -> Ended {
        let placed_at: DateTime<Utc> = "2026-11-01T08:45:00Z".parse().unwrap();
        let ended_at = placed_at + TimeDelta::milliseconds(milliseconds);
        Ended { order_id: OrderId(Uuid::from_u128(number)), placed_at, ended_at, kind }
    }

    /// The first orders, by number, that are tried at 50 %, or are not.
    fn numbers(tried: bool) -> impl Iterator<Item = u128> {
        (0..).filter(move |number| (hundredth(KEY, OrderId(Uuid::from_u128(*number))) < 50) == tried)
    }

    #[test]
    fn each_order_counts_in_its_group_as_it_ended() {
        let mut counting = Counting::of(KEY, 50);
        let ends = [EndKind::Confirmed, EndKind::Rejected, EndKind::Expired, EndKind::Cancelled];
        for (number, kind) in numbers(true).zip(ends) {
            counting.count(&ended(number, kind, 1_500));
        }
        for number in numbers(false).take(2) {
            counting.count(&ended(number, EndKind::Confirmed, -5));
        }
        let Groups { tried, others } = counting.groups();
        assert_eq!(tried, Group { orders: 4, refused: 1, failed: 1, confirmed_in: vec![1_500] });
        assert_eq!(others, Group { orders: 2, refused: 0, failed: 0, confirmed_in: vec![0, 0] });
    }

    #[test]
    fn the_groups_are_equal_parts_of_all_orders() {
        for (percent, part) in [(1, 1), (20, 20), (50, 50), (90, 10), (99, 1)] {
            let mut counting = Counting::of(KEY, percent);
            for number in 0..1_000 {
                counting.count(&ended(number, EndKind::Confirmed, 1));
            }
            let among = |wanted: Range<u8>| {
                let member =
                    |number: &u128| wanted.contains(&hundredth(KEY, OrderId(Uuid::from_u128(*number))));
                u32::try_from((0..1_000).filter(member).count()).unwrap()
            };
            let Groups { tried, others } = counting.groups();
            assert_eq!((tried.orders, others.orders), (among(0..part), among(percent..percent + part)));
        }
    }

    #[test]
    fn the_first_thousand_times_are_kept_and_a_thousand_orders_of_each_group_are_enough() {
        let mut counting = Counting::of(KEY, 50);
        let most = Group::MOST as usize;
        for (number, time) in numbers(true).zip(0..=i64::from(Group::MOST)) {
            counting.count(&ended(number, EndKind::Confirmed, time));
        }
        assert!(!counting.enough(), "of the other group there are none");
        for number in numbers(false).take(most - 1) {
            counting.count(&ended(number, EndKind::Expired, 0));
        }
        assert!(!counting.enough());
        counting.count(&ended(numbers(false).next().unwrap(), EndKind::Expired, 0));
        assert!(counting.enough());
        let Groups { tried, others } = counting.groups();
        assert_eq!((tried.orders as usize, others.failed as usize), (most + 1, most));
        assert_eq!(tried.confirmed_in, (0..u64::from(Group::MOST)).collect::<Vec<_>>());
    }
}
