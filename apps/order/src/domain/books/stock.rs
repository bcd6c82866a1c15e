//! Statement 1: On hand is the sum of the movements; reserved and allocated are the sums of the open reservations;
//! available is never negative; nothing is sold twice.

use contracts::facts::{Deltas, LevelFacts, ReservationFacts, ReservedLine};

use super::facts::ParcelStage::{Delivered, Shipped};
use super::{Case, Finding, Statement, Told, Violation};
use crate::domain::books::facts::{Ended, LineFacts};

/// The stock row of a product beside its ledger and its reservations, all of one snapshot.
pub(super) fn check_level(facts: &LevelFacts) -> Vec<Finding> {
    let LevelFacts { product_id, level, moved, held, .. } = facts;
    let available = level.on_hand - level.reserved - level.allocated;
    let sums = [
        ("on hand is not the sum of the movements", level.on_hand, moved.on_hand),
        ("reserved is not the sum of the movements", level.reserved, moved.reserved),
        ("allocated is not the sum of the movements", level.allocated, moved.allocated),
        ("reserved is not the sum of the open reservations", level.reserved, held.reserved),
        ("allocated is not the sum of the open reservations", level.allocated, held.allocated),
        ("less than nothing is available", available.min(0), 0),
    ];
    sums.into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(what, found, expected)| {
            let violation = Violation::of(Statement::Stock, what).product(*product_id);
            violation.expected(expected).found(found).at_once()
        })
        .collect()
}

pub(super) fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Told::Facts(reservation) = &case.stock {
        findings.extend(reservation.lines.iter().flat_map(|line| check_line(reservation, line)));
    }
    if case.order.end == Some(Ended::Confirmed) {
        findings.extend(case.order.lines.iter().filter_map(|line| check_held(case, line)));
    }
    findings
}

/// What the ledger says of an order's product must follow from what the reservation says: one snapshot again.
fn check_line(reservation: &ReservationFacts, line: &ReservedLine) -> Vec<Finding> {
    let left = line.claimed - line.released - line.shipped;
    let (reserved, allocated) = match reservation.state.as_str() {
        "reserved" => (left, 0),
        "allocated" => (0, left),
        _ => (0, 0),
    };
    let expected = Deltas { on_hand: line.restocked - line.shipped, reserved, allocated };
    let violation = |what| {
        Violation::of(Statement::Stock, what)
            .order(reservation.order_id)
            .product(line.product_id)
            .row("reservation")
    };
    let mut findings = Vec::new();
    if line.moved != expected {
        let violation = violation("the order's movements are not what its reservation holds");
        findings.push(violation.expected(shown(expected)).found(shown(line.moved)).at_once());
    }
    let counts = [line.released, line.shipped, line.restocked, left, line.shipped - line.restocked];
    if counts.iter().any(|count| *count < 0) {
        let found = format!(
            "claimed {}, released {}, shipped {}, restocked {}",
            line.claimed, line.released, line.shipped, line.restocked
        );
        findings
            .push(violation("more was taken than was claimed").expected("no more").found(found).at_once());
    }
    findings
}

/// What a confirmed order was promised is held for it, or was released, shipped and restocked on its word.
fn check_held(case: &Case, line: &LineFacts) -> Option<Finding> {
    let order = &case.order;
    let held = match &case.stock {
        Told::Unreached => return None,
        Told::Nothing => None,
        Told::Facts(reservation) => {
            let held = reservation.lines.iter().find(|held| held.product_id == line.product_id);
            held.map(|held| (reservation.state.as_str(), held))
        }
    };
    let product_id = line.product_id;
    let expected = format!(
        "allocated: claimed {}, released {}, shipped {}, restocked {}",
        line.quantity,
        order.cancelled_pieces(product_id),
        order.pieces_in(&[Shipped, Delivered], product_id),
        order.restocked_pieces(product_id)
    );
    let found = match held {
        None if line.stock_controlled != Some(true) => return None,
        None => "nothing".to_owned(),
        Some((state, held)) => format!(
            "{state}: claimed {}, released {}, shipped {}, restocked {}",
            held.claimed, held.released, held.shipped, held.restocked
        ),
    };
    (found != expected).then(|| {
        Violation::of(Statement::Stock, "what is held is not what was sold")
            .order(order.order_id)
            .product(product_id)
            .expected(expected)
            .found(found)
            .since(case.changed_at())
    })
}

fn shown(pieces: Deltas) -> String {
    format!("on hand {}, reserved {}, allocated {}", pieces.on_hand, pieces.reserved, pieces.allocated)
}
