//! What a schedule is made of before anything happens: clocks, speed, products, orders, and what people will try.

use contracts::CaptureMode;

use crate::calendar::Time;
use crate::chance::Chance;
use crate::seed::Seed;
use crate::theme::Theme;

/// How far each replica's clock may be from the right time, in milliseconds; so two are at most two seconds apart.
const SKEW: Time = 1_000;
pub const REPLICAS: usize = 2;
pub const SERVICES: usize = 4;

#[derive(Debug)]
pub struct Plan {
    pub skews: [[Time; REPLICAS]; SERVICES],
    pub pace: Pace,
    pub products: Vec<PlannedProduct>,
    pub orders: Vec<PlannedOrder>,
    pub acts: Vec<PlannedAct>,
}

/// How fast things go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Fast,
    /// Fast, and now and then very slow.
    Uneven,
    /// So slow that deadlines pass in the middle of everything.
    Slow,
}

#[derive(Debug, Clone, Copy)]
pub struct PlannedProduct {
    /// In pence.
    pub price: i64,
    /// None when it is not under stock control.
    pub on_hand: Option<i64>,
}

#[derive(Debug)]
pub struct PlannedOrder {
    pub number: u32,
    /// Whether it is placed, or left out.
    pub kept: bool,
    pub at: Time,
    /// Products by their place in the plan, with pieces.
    pub lines: Vec<(usize, u32)>,
    pub capture: CaptureMode,
    pub return_window_days: u32,
    /// Whether the payment method is the customer's own.
    pub own_method: bool,
}

/// Something that a person will try; whether it can be done is seen then.
#[derive(Debug, Clone, Copy)]
pub struct PlannedAct {
    pub number: u32,
    pub at: Time,
    /// The order's place in the plan.
    pub order: usize,
    pub act: Act,
    /// For what is chosen only when it is done.
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Cancel,
    CancelPart,
    Ship,
    ShipPart,
    Deliver,
    RequestReturn,
    ReceiveReturn,
    RefundReturn,
    RequestCapture,
    Resolve,
    ChangePrice,
    Archive,
    ReceiveStock,
    ComparePayments,
    /// A sweep that was frozen since it had listed the order.
    StaleSweep,
}

/// What happens to one order after it is confirmed; each schedule mixes them.
const CAREERS: &[&[Act]] = &[
    &[],
    &[Act::Ship, Act::Deliver],
    &[Act::Ship, Act::Deliver, Act::RequestReturn, Act::ReceiveReturn, Act::RefundReturn],
    &[Act::ShipPart, Act::Ship, Act::Deliver, Act::Deliver, Act::RequestReturn, Act::RequestReturn],
    &[Act::ShipPart, Act::CancelPart, Act::ShipPart, Act::Deliver, Act::RequestReturn, Act::ReceiveReturn],
    &[Act::CancelPart, Act::CancelPart, Act::Ship, Act::Deliver],
    &[Act::CancelPart, Act::Cancel],
    &[
        Act::ShipPart,
        Act::RequestCapture,
        Act::RequestCapture,
        Act::RequestCapture,
        Act::RequestCapture,
        Act::Ship,
        Act::Deliver,
        Act::RequestReturn,
        Act::ReceiveReturn,
    ],
    &[Act::CancelPart, Act::Resolve, Act::CancelPart, Act::Resolve, Act::Cancel, Act::Resolve],
    &[Act::Cancel],
    &[Act::Ship, Act::Cancel],
    &[Act::ShipPart, Act::CancelPart, Act::Cancel],
    &[Act::ShipPart, Act::CancelPart, Act::CancelPart, Act::Resolve, Act::Deliver, Act::Resolve],
    &[Act::ShipPart, Act::RequestCapture, Act::CancelPart, Act::Ship, Act::Deliver, Act::RequestReturn],
    &[
        Act::Ship,
        Act::Deliver,
        Act::RequestReturn,
        Act::ReceiveReturn,
        Act::RefundReturn,
        Act::RequestReturn,
        Act::ReceiveReturn,
        Act::RefundReturn,
    ],
];

/// What anybody may try at any time.
const WHIMS: &[Act] = &[
    Act::Cancel,
    Act::Cancel,
    Act::CancelPart,
    Act::Ship,
    Act::ShipPart,
    Act::Deliver,
    Act::RequestReturn,
    Act::ReceiveReturn,
    Act::RefundReturn,
    Act::RequestCapture,
    Act::Resolve,
    Act::Resolve,
    Act::Resolve,
    Act::Resolve,
    Act::ChangePrice,
    Act::Archive,
    Act::ReceiveStock,
    Act::ComparePayments,
    Act::StaleSweep,
    Act::StaleSweep,
];

impl Plan {
    pub fn new(seed: &Seed, theme: &Theme) -> Plan {
        let mut chance = Chance::branch(seed.number, 1);
        let mut skews = [[0; REPLICAS]; SERVICES];
        for skew in skews.iter_mut().flatten() {
            *skew = chance.between(-SKEW, SKEW);
        }
        let usual = chance.pick(&[
            Pace::Fast,
            Pace::Fast,
            Pace::Fast,
            Pace::Fast,
            Pace::Uneven,
            Pace::Uneven,
            Pace::Slow,
        ]);
        let pace = theme.pace.unwrap_or(usual);
        let products = products(&mut chance);
        let count = chance.pick(&[3, 3, 3, 4, 5]);
        let orders: Vec<PlannedOrder> =
            (0..count).map(|number| order(number, seed, theme, products.len())).collect();
        let mut acts = Vec::new();
        for order in &orders {
            people(order, seed.number, theme, pace, &mut acts);
        }
        for (number, act) in (0..).zip(&mut acts) {
            act.number = number;
        }
        acts.retain(|act| seed.acts.keeps(act.number) && orders[act.order].kept);
        Plan { skews, pace, products, orders, acts }
    }
}

/// Two or three under stock control, few pieces of each; perhaps one without stock, perhaps one for nothing.
fn products(chance: &mut Chance) -> Vec<PlannedProduct> {
    let mut products: Vec<PlannedProduct> = (0..chance.pick(&[2, 2, 3]))
        .map(|_| PlannedProduct {
            price: chance.between(100, 2_000),
            on_hand: Some(chance.pick(&[3, 7, 20, 20, 20, 20])),
        })
        .collect();
    products.push(PlannedProduct { price: 395, on_hand: None });
    products.push(PlannedProduct { price: 0, on_hand: Some(chance.between(1, 6)) });
    products
}

fn order(number: u32, seed: &Seed, theme: &Theme, products: usize) -> PlannedOrder {
    let mut chance = Chance::branch(seed.number, 100 + u64::from(number));
    let controlled = products - 2;
    let mut lines = Vec::new();
    if chance.one_in(12) {
        // Nothing to pay.
        lines.push((products - 1, 1 + chance.below(2)));
    } else {
        // All orders want the first two, so that they meet there.
        for product in 0..controlled {
            if product < 2 || chance.one_in(2) {
                lines.push((product, 1 + chance.below(3)));
            }
        }
        if chance.one_in(3) {
            lines.push((products - 2, 1));
        }
        if chance.one_in(6) {
            lines.push((products - 1, 1));
        }
    }
    let capture = chance.pick(&[CaptureMode::AtOnce, CaptureMode::BeforeShipping]);
    PlannedOrder {
        number,
        kept: seed.orders.keeps(number),
        at: chance.between(0, 4_000),
        lines,
        capture: theme.capture.unwrap_or(capture),
        return_window_days: chance.pick(&[30, 30, 30, 0]),
        own_method: !chance.one_in(40),
    }
}

fn people(order: &PlannedOrder, seed: u64, theme: &Theme, pace: Pace, acts: &mut Vec<PlannedAct>) {
    let mut chance = Chance::branch(seed, 200 + u64::from(order.number));
    let mut add = |chance: &mut Chance, at, act| {
        acts.push(PlannedAct { number: 0, at, order: order.number as usize, act, seed: chance.draw() });
    };
    let step = match pace {
        Pace::Fast => 4_000,
        Pace::Uneven => 12_000,
        Pace::Slow => 25_000,
    };
    let mut at = order.at + chance.between(step / 8, 2 * step);
    let usual = chance.pick(&[step, step, step / 4]);
    let longest = if theme.hurry { step / 4 } else { usual };
    let usual = chance.pick(CAREERS);
    let career = theme.career.filter(|_| !chance.one_in(4)).unwrap_or(usual);
    for act in career {
        add(&mut chance, at, *act);
        at += chance.between(step / 80, longest);
    }
    for _ in 0..chance.pick(&[0, 1, 1, 2, 4]) {
        let at = order.at + chance.between(-500, 8 * step);
        let act = chance.pick(WHIMS);
        add(&mut chance, at, act);
    }
}
