//! `payment`: hears the others, and its workers make the calls that follow.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{Event, PaymentId};
use payment::domain::effect::{Posting, Receipt};
use payment::domain::{Act, Answer, Call, Effect, Input, Payment, Record};
use uuid::Uuid;

use super::order::OWN_METHOD;
use super::product::order_id;
use super::{Process, Service, Step, Who, World, moment};
use crate::calendar::Time;
use crate::coverage::payment::{Heard, Known};
use crate::fault::Fault;
use crate::plan::Plan;

/// The provider's time limit of a call, and how much longer its answer is waited for.
const TIMEOUT: Time = 10_000;
const PATIENCE: TimeDelta = TimeDelta::seconds(15);

#[derive(Debug)]
pub struct Payments {
    pub rows: Vec<Row>,
    calls: Vec<InHand>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
pub struct Row {
    pub payment: Payment,
    before: Option<Payment>,
    pub records: Vec<Record>,
    pub postings: Vec<Posting>,
    pub receipts: Vec<Receipt>,
    /// When a worker looks at it next.
    look_at: Option<Time>,
    /// Requests that the processor has yet to get.
    pub under_way: u32,
}

/// A call that was committed as sent.
#[derive(Debug)]
struct InHand {
    order: usize,
    call: Call,
    process: Process,
    sent_at: Time,
}

impl Payments {
    pub fn new(plan: &Plan) -> Payments {
        let row = |place: usize| Row {
            payment: Payment::unheard(PaymentId(Uuid::from_u128(place as u128 + 500)), order_id(place)),
            before: None,
            records: Vec::new(),
            postings: Vec::new(),
            receipts: Vec::new(),
            look_at: None,
            under_way: 0,
        };
        Payments { rows: (0..plan.orders.len()).map(row).collect(), calls: Vec::new(), answers: Vec::new() }
    }

    pub fn order_of(&self, call: usize) -> usize {
        self.calls[call].order
    }
}

impl World<'_> {
    pub(super) fn payment_hears(
        &mut self,
        process: Process,
        order: usize,
        event: &Event,
        now: DateTime<Utc>,
    ) {
        let owner = match event {
            Event::OrderPlaced(said) if said.payment_method_id.0.as_u128() == OWN_METHOD => {
                Some(said.customer_id)
            }
            _ => None,
        };
        match Input::of(event, owner) {
            Some((_, input)) => _ = self.advance_payment(process, order, input, now),
            None => self.violate(|| format!("payment is told {}", event.event_type().name())),
        }
    }

    /// One transaction on one payment, under its lock; gives back the call to make.
    pub(super) fn advance_payment(
        &mut self,
        process: Process,
        order: usize,
        input: Input,
        now: DateTime<Utc>,
    ) -> Option<Call> {
        let read = self.read_payment(order);
        let (from, heard) = (Known::of(&read), Heard::of(&input, &read));
        self.coverage.payment.hit(from, heard);
        let before = (!self.walls.payment_lock).then(|| read.clone());
        let (payment, said, effects) = read.react(input, now);
        self.story.tell(self.now, Who(process), || {
            format!("   order {order}: {} [{}] → {}", from.name(), heard.name(), Known::of(&payment).name())
        });
        self.payments.rows[order].before = before;
        self.keep_payment(process, order, payment, said, effects)
    }

    fn read_payment(&mut self, order: usize) -> Payment {
        let stale = !self.walls.payment_lock && self.chance().one_in(3);
        let row = &self.payments.rows[order];
        row.before.as_ref().filter(|_| stale).unwrap_or(&row.payment).clone()
    }

    fn keep_payment(
        &mut self,
        process: Process,
        order: usize,
        payment: Payment,
        said: Vec<Event>,
        effects: Vec<Effect>,
    ) -> Option<Call> {
        let mut to_make = None;
        let row = &mut self.payments.rows[order];
        let mut twice = None;
        for effect in effects {
            match effect {
                Effect::Call(call) => to_make = Some(call),
                Effect::Record(record) => row.records.push(record),
                Effect::Posting(posting) => {
                    if row.postings.contains(&posting) {
                        twice = Some(format!("order {order} is posted twice: {posting:?}"));
                    }
                    row.postings.push(posting);
                }
                Effect::Receipt(receipt) => row.receipts.push(receipt),
            }
        }
        row.payment = payment;
        if let Some(twice) = twice {
            self.violate(|| twice);
        }
        self.schedule_work(order);
        self.say(process, order, said);
        to_make
    }

    fn schedule_work(&mut self, order: usize) {
        let Some(at) = self.payments.rows[order].payment.work_at() else { return };
        let wait = self.chance().between(1, 250);
        let at = moment(at).max(self.now) + wait;
        let row = &mut self.payments.rows[order];
        if row.look_at.is_none_or(|look_at| at < look_at) {
            row.look_at = Some(at);
            self.calendar.put(at, Step::Work(order));
        }
    }

    /// A worker's turn: the act is marked as sent and committed, then the call is made.
    pub(super) fn work(&mut self, order: usize) {
        let row = &mut self.payments.rows[order];
        if row.look_at.is_none_or(|look_at| look_at > self.now) {
            return;
        }
        let Some(at) = row.payment.work_at() else { return row.look_at = None };
        let Some((process, now)) = self.process(Service::Payment, Step::Work(order)) else { return };
        self.payments.rows[order].look_at = None;
        if at > now {
            return self.look_later(order, at);
        }
        if self.strikes(Fault::Away) {
            self.go_away(Service::Payment);
            return self.look_later(order, at);
        }
        if self.strikes(Fault::CrashBeforeCommit) {
            self.crash(process);
            return self.look_later(order, at);
        }
        let Some(mut call) = self.advance_payment(process, order, Input::Timer { patience: PATIENCE }, now)
        else {
            return;
        };
        if !self.walls.idempotency_key && call.key.is_some() {
            call.key = Some(self.next_id().to_string());
        }
        if !self.alive(process) {
            return;
        }
        if self.strikes(Fault::WorkerDiesBeforeCall) {
            return self.crash(process);
        }
        self.send_call(process, order, call);
    }

    fn look_later(&mut self, order: usize, at: DateTime<Utc>) {
        let at = moment(at).max(self.now) + self.chance().between(200, 1_200);
        self.payments.rows[order].look_at = Some(at);
        self.calendar.put(at, Step::Work(order));
    }

    fn send_call(&mut self, process: Process, order: usize, call: Call) {
        let charges = matches!(call.act, Act::Create { .. } | Act::Confirm { .. } | Act::Capture { .. });
        if charges && self.messages.over[order][Service::Payment as usize] {
            self.violate(|| format!("a charge is begun for order {order} after its final end"));
        }
        let number = self.payments.calls.len();
        self.story.tell(self.now, Who(process), || {
            format!("   calls the processor #{}: {} under {:?}", call.ticket, call.act.name(), call.key)
        });
        self.payments.calls.push(InHand { order, call, process, sent_at: self.now });
        if self.strikes(Fault::RequestLost) {
            return self.answer_call(number, Answer::Unknown(payment::domain::Doubt::Silence), TIMEOUT);
        }
        let mut under_way = self.latency();
        if self.strikes(Fault::RequestLate) {
            under_way += TIMEOUT + self.chance().between(1_000, 60_000);
        }
        self.payments.rows[order].under_way += 1;
        self.calendar.put(self.now + under_way, Step::CallArrives(number));
        if under_way > TIMEOUT {
            self.answer_call(number, Answer::Unknown(payment::domain::Doubt::Silence), TIMEOUT);
        }
    }

    /// The processor has the request.
    pub(super) fn call_arrives(&mut self, number: usize) {
        let InHand { order, call, sent_at, .. } = &self.payments.calls[number];
        let (order, call, sent_at) = (*order, call.clone(), *sent_at);
        self.payments.rows[order].under_way -= 1;
        let answer = self.provider_answers(order, &call);
        if self.now - sent_at > TIMEOUT {
            return;
        }
        let back = self.latency();
        let silent = self.strikes(Fault::AnswerLost) || self.now + back - sent_at > TIMEOUT;
        if silent {
            let silence = Answer::Unknown(payment::domain::Doubt::Silence);
            return self.answer_call(number, silence, TIMEOUT - (self.now - sent_at));
        }
        self.answer_call(number, answer, back);
    }

    fn answer_call(&mut self, call: usize, answer: Answer, after: Time) {
        self.payments.answers.push(answer);
        let answer = self.payments.answers.len() - 1;
        self.calendar.put(self.now + after, Step::CallAnswered { call, answer });
    }

    /// The worker that made the call hears of it, if it still lives.
    pub(super) fn call_answered(&mut self, number: usize, answer: usize) {
        let InHand { order, call, process, .. } = &self.payments.calls[number];
        let (order, ticket, process) = (*order, call.ticket, *process);
        if !self.alive(process) {
            return;
        }
        if self.strikes(Fault::WorkerDiesAfterCall) {
            return self.crash(process);
        }
        if self.strikes(Fault::WorkerFrozen) {
            let wait = self.chance().pick(&[2_000, 20_000, 60_000, 120_000]);
            return self.calendar.put(self.now + wait, Step::CallAnswered { call: number, answer });
        }
        let answer = self.payments.answers[answer].clone();
        let now = super::time(self.now + self.replicas[Service::Payment as usize][process.replica].skew);
        self.advance_payment(process, order, Input::Answered { ticket, answer }, now);
    }

    /// The provider's own word, by webhook or by comparison.
    pub(super) fn payment_sees(&mut self, order: usize, input: Input, step: Step) {
        let Some((process, now)) = self.process(Service::Payment, step) else { return };
        if self.strikes(Fault::CrashBeforeCommit) {
            self.crash(process);
            return self.calendar.put(self.now + 2_000, step);
        }
        self.advance_payment(process, order, input, now);
    }

    /// Staff say or decide something about a payment; whether they could.
    pub(super) fn resolve(
        &mut self,
        process: Process,
        order: usize,
        resolution: payment::domain::Resolution,
        now: DateTime<Utc>,
    ) -> bool {
        let read = self.read_payment(order);
        let (from, heard) = (Known::of(&read), Heard::resolution(&resolution));
        self.coverage.payment.hit(from, heard);
        match read.resolve(resolution, now) {
            Err(refused) => {
                self.story
                    .tell(self.now, Who(process), || format!("   order {order}: refuses staff: {refused}"));
                false
            }
            Ok((payment, said, effects)) => {
                self.story.tell(self.now, Who(process), || {
                    let to = Known::of(&payment).name();
                    format!("   order {order}: {} [{}] → {to}", from.name(), heard.name())
                });
                self.keep_payment(process, order, payment, said, effects);
                true
            }
        }
    }
}
