//! Outbox, relay, bus and inbox. What is committed is published at least once, the first unpublished event of a key
//! before all others; a topic keeps the order of a key as long as nothing fails.

use contracts::Event;

use super::{Process, Service, Step, Who, World};
use crate::calendar::Time;
use crate::fault::Fault;
use crate::plan::SERVICES;

/// Everything that was said.
#[derive(Debug)]
pub struct Messages {
    pub events: Vec<Said>,
    /// By source and subject, in sequence.
    outboxes: Vec<Vec<usize>>,
    /// By subject and service: whether it has heard of a final end.
    pub over: Vec<[bool; SERVICES]>,
    /// By source, subject and subscriber: when the last message arrives that nothing went wrong with.
    last_arrival: Vec<Time>,
}

#[derive(Debug)]
pub struct Said {
    pub event: Event,
    pub source: Service,
    pub subject: usize,
    pub sequence: i64,
    pub published: bool,
    /// The services whose inbox holds it.
    handled: [bool; SERVICES],
}

impl Messages {
    pub fn new(subjects: usize) -> Messages {
        Messages {
            events: Vec::with_capacity(64),
            outboxes: vec![Vec::new(); SERVICES * subjects],
            over: vec![[false; SERVICES]; subjects],
            last_arrival: vec![0; SERVICES * SERVICES * subjects],
        }
    }

    fn outbox(&self, source: Service, subject: usize) -> &[usize] {
        &self.outboxes[subject * SERVICES + source as usize]
    }

    /// What was said and not handled by everyone who is to hear it.
    pub fn unhandled(&self) -> impl Iterator<Item = &Said> {
        self.events.iter().filter(|said| {
            !said.published || subscribers(&said.event).any(|service| !said.handled[service as usize])
        })
    }
}

impl World<'_> {
    /// Commits events with the state that they follow from, and has them published.
    pub(super) fn say(&mut self, process: Process, subject: usize, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        for event in events {
            let outbox = &mut self.messages.outboxes[subject * SERVICES + process.service as usize];
            let number = self.messages.events.len();
            outbox.push(number);
            let sequence = i64::try_from(outbox.len()).unwrap_or(i64::MAX);
            self.story
                .tell(self.now, Who(process), || format!("   says {} #{number}", event.event_type().name()));
            let handled = [false; SERVICES];
            let source = process.service;
            self.messages.events.push(Said { event, source, subject, sequence, published: false, handled });
        }
        let mut wait = self.chance().between(1, 20);
        if self.strikes(Fault::CrashAfterCommit) {
            self.crash(process);
            if !self.walls.outbox {
                return self.forget(process.service, subject);
            }
            wait = self.chance().between(500, 3_000);
        }
        self.calendar.put(self.now + wait, Step::Relay(process.service, subject));
    }

    /// Without an outbox, what was not published before the crash is lost.
    fn forget(&mut self, source: Service, subject: usize) {
        for number in &self.messages.outboxes[subject * SERVICES + source as usize] {
            self.messages.events[*number].published = true;
        }
    }

    pub(super) fn relay(&mut self, source: Service, subject: usize) {
        let unpublished = |world: &World| {
            let mut outbox = world.messages.outbox(source, subject).iter();
            outbox.find(|number| !world.messages.events[**number].published).copied()
        };
        let Some(head) = unpublished(self) else { return };
        let step = Step::Relay(source, subject);
        let Some((process, _)) = self.process(source, step) else { return };
        self.publish(head);
        if self.strikes(Fault::CrashBeforeMark) {
            self.crash(process);
            let wait = self.chance().between(300, 2_000);
            return self.calendar.put(self.now + wait, step);
        }
        self.messages.events[head].published = true;
        if unpublished(self).is_some() {
            let wait = self.chance().between(1, 20);
            self.calendar.put(self.now + wait, step);
        }
    }

    fn publish(&mut self, number: usize) {
        for to in SUBSCRIBERS {
            if !subscribers(&self.messages.events[number].event).any(|service| service == to) {
                continue;
            }
            self.send(number, to);
            if self.strikes(Fault::Duplicated) {
                let later = self.chance().pick(&[1, 500, 5_000, 30_000, 150_000]);
                self.calendar.put(self.now + later, Step::Deliver { event: number, to });
            }
            if self.strikes(Fault::Forgotten) {
                for most in [2_000, 10_000, 40_000, 150_000] {
                    let later = self.chance().between(most / 4, most);
                    self.calendar.put(self.now + later, Step::DeliverForgotten { event: number, to });
                }
            }
        }
    }

    fn send(&mut self, event: usize, to: Service) {
        let step = Step::Deliver { event, to };
        let later = if self.strikes(Fault::Dropped) {
            Some(self.chance().between(500, 10_000))
        } else if self.strikes(Fault::Lost) {
            Some(self.chance().between(60_000, 120_000))
        } else if self.strikes(Fault::Delayed) {
            Some(self.chance().between(2_000, 60_000))
        } else if self.strikes(Fault::Reordered) {
            Some(self.chance().between(200, 5_000))
        } else {
            None
        };
        let at = self.now + self.latency();
        if let Some(later) = later {
            return self.calendar.put(at + later, step);
        }
        let said = &self.messages.events[event];
        let channel = (said.subject * SERVICES + said.source as usize) * SERVICES + to as usize;
        let last = &mut self.messages.last_arrival[channel];
        *last = at.max(*last + 1);
        let at = *last;
        self.calendar.put(at, step);
    }

    /// The inbox has forgotten the event; only natural keys hold its effect now.
    pub(super) fn deliver_forgotten(&mut self, event: usize, to: Service) {
        self.messages.events[event].handled[to as usize] = false;
        self.deliver(event, to);
    }

    pub(super) fn deliver(&mut self, event: usize, to: Service) {
        let step = Step::Deliver { event, to };
        let Some((process, now)) = self.process(to, step) else { return };
        if self.strikes(Fault::CrashBeforeCommit) {
            self.crash(process);
            return self.again(step);
        }
        if self.strikes(Fault::Away) {
            self.go_away(to);
            return self.again(step);
        }
        let said = &mut self.messages.events[event];
        let first_time = !std::mem::replace(&mut said.handled[to as usize], true);
        let (subject, sequence, name) = (said.subject, said.sequence, said.event.event_type().name());
        let heard = said.event.clone();
        self.story.tell(self.now, Who(process), || {
            format!("hears {name} #{event}{}", if first_time { "" } else { " again" })
        });
        if first_time || !self.walls.inbox {
            if let Event::OrderRejected(_) | Event::OrderExpired(_) | Event::OrderCancelled(_) = &heard {
                self.messages.over[subject][to as usize] = true;
            }
            match to {
                Service::Order => self.order_hears(process, &heard, sequence, now),
                Service::Product => self.product_hears(process, subject, &heard, now),
                Service::Payment => self.payment_hears(process, subject, &heard, now),
                Service::Notification => self.notification_hears(&heard),
            }
        }
        if self.strikes(Fault::CrashBeforeAcknowledgement) {
            self.crash(process);
            self.again(step);
        }
    }

    /// The bus sends again what was not acknowledged.
    fn again(&mut self, step: Step) {
        let wait = self.chance().between(500, 6_000);
        self.calendar.put(self.now + wait, step);
    }

    /// Something that was handled long ago comes once more.
    pub(super) fn redeliver_something(&mut self) {
        let count = self.messages.events.len();
        let event = self.chance().place(count);
        if let Some(to) = subscribers(&self.messages.events[event].event).next()
            && let Some(number) = self.faults.strikes_now(self.subject, Fault::Duplicated)
        {
            self.story.tell(self.now, "", || format!("!! fault {number}: {}", Fault::Duplicated.name()));
            self.calendar.put(self.now + 1, Step::Deliver { event, to });
        }
    }
}

const SUBSCRIBERS: [Service; SERVICES] =
    [Service::Order, Service::Product, Service::Payment, Service::Notification];

fn subscribers(event: &Event) -> impl Iterator<Item = Service> + use<> {
    event.event_type().row().subscribers.iter().filter_map(|app| Service::of(*app))
}
