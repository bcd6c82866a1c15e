//! What goes wrong, and whether it does: each kind by its own rate, each time it strikes with a number of its own.

use crate::chance::Chance;
use crate::seed::{Kept, Seed};
use crate::theme::Theme;

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident $name:literal;)*) => {
        /// The kinds of faults.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $fault,)* }

        impl Fault {
            pub const ALL: &[Fault] = &[$(Fault::$fault,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Fault::$fault => $name,)* }
            }
        }
    };
}

faults! {
    // The bus.
    /// Sent again by the bus after a while.
    Dropped "message dropped until retried";
    /// Sent again only because publisher and subscriber are compared.
    Lost "message lost until the comparison";
    Duplicated "message twice";
    Reordered "message overtaken";
    Delayed "message late by up to a minute";
    /// Both replicas, for up to a minute.
    Away "service away";
    /// Sent again from a time that the inbox no longer remembers.
    Forgotten "event unknown to the inbox a second time";
    // Processes.
    CrashBeforeCommit "crash before a commit";
    CrashAfterCommit "crash after a commit, before the publish";
    CrashBeforeMark "crash after a publish, before its mark";
    CrashBeforeAcknowledgement "crash after a commit, before the acknowledgement";
    /// Between listing what is overdue and taking its lock.
    Frozen "sweep frozen between list and lock";
    WorkerDiesBeforeCall "worker dies after `sent`, before the call";
    WorkerDiesAfterCall "worker dies after the call, before the answer is kept";
    /// The answer is kept when nobody waits for it any more.
    WorkerFrozen "worker frozen before it keeps the answer";
    // The way to the card processor and back.
    RequestLost "request to the processor lost";
    AnswerLost "processor acts and does not answer";
    RequestLate "request arrives after it was given up";
    // The card processor.
    ProviderFails "processor answers 5xx";
    FailureStored "processor stores a failure under the key";
    DoneAndFailureStored "processor acts and stores a failure under the key";
    /// The processor refuses to make an intent with it.
    MethodGone "payment method gone";
    Declined "card declined";
    ActionRequired "customer's step required";
    ActionNotDone "customer's step not done";
    CaptureRefused "capture refused";
    AuthorisationLapsed "authorisation lapsed";
    RefundRefused "refund refused";
    RefundFailsLater "refund fails later";
    Disputed "charge disputed";
    /// Answers `processing` first.
    BankSlow "bank takes its time";
    WebhookEarly "webhook before the answer";
    /// And a third and fourth time.
    WebhookTwice "webhook more than once";
    WebhookLate "webhook late";
    WebhookNever "webhook never";
}

impl Fault {
    /// One in so many where nothing special is drawn. What can go wrong only once in an order's life goes wrong
    /// more often than what can go wrong at every step.
    const fn usual_rate(self) -> u32 {
        match self {
            Fault::ActionRequired | Fault::CaptureRefused => 5,
            Fault::AuthorisationLapsed
            | Fault::RefundRefused
            | Fault::RefundFailsLater
            | Fault::ActionNotDone
            | Fault::Frozen
            | Fault::Disputed => 8,
            Fault::BankSlow | Fault::Declined | Fault::MethodGone => 40,
            Fault::Forgotten | Fault::Duplicated | Fault::Reordered => 50,
            Fault::Away => 3_000,
            Fault::WorkerFrozen => 30,
            Fault::Dropped
            | Fault::Lost
            | Fault::Delayed
            | Fault::CrashBeforeCommit
            | Fault::CrashAfterCommit
            | Fault::CrashBeforeMark
            | Fault::CrashBeforeAcknowledgement
            | Fault::WorkerDiesBeforeCall
            | Fault::WorkerDiesAfterCall
            | Fault::RequestLost
            | Fault::AnswerLost
            | Fault::RequestLate
            | Fault::ProviderFails
            | Fault::FailureStored
            | Fault::DoneAndFailureStored
            | Fault::WebhookEarly
            | Fault::WebhookTwice
            | Fault::WebhookLate
            | Fault::WebhookNever => 150,
        }
    }
}

pub const KINDS: usize = Fault::ALL.len();

/// After so many faults of one subject its world is calm, so that every schedule comes to rest.
const MOST: u32 = 30;
/// The faults of the second subject are numbered from here, those of the third from twice that.
pub const NUMBERS: u32 = 100;

/// The faults of one schedule. Each subject (an order, a product) has a stream of its own, so that leaving out one
/// changes little for the others.
#[derive(Debug)]
pub struct Faults {
    /// One in so many; zero for never.
    rates: [u32; KINDS],
    kept: Kept,
    struck: [u32; KINDS],
    subjects: Vec<(Chance, u32)>,
}

impl Faults {
    /// Each schedule has its own weather: most kinds are rare, a few are frequent, and some come together.
    pub fn new(seed: &Seed, theme: &Theme, subjects: usize) -> Faults {
        let mut chance = Chance::branch(seed.number, 3);
        let mut rates = [0; KINDS];
        let calm = chance.pick(&[4, 8, 16]);
        for (rate, fault) in rates.iter_mut().zip(Fault::ALL) {
            let usual = fault.usual_rate();
            *rate = if theme.faults.contains(fault) {
                (usual / 200).max(chance.pick(&[2, 2, 4, 8]))
            } else if chance.one_in(calm) {
                (usual / chance.pick(&[8, 20, 40])).max(2)
            } else {
                usual
            };
        }
        let subjects = (3_000..).take(subjects).map(|part| (Chance::branch(seed.number, part), 0)).collect();
        Faults { rates, kept: seed.faults.clone(), struck: [0; KINDS], subjects }
    }

    /// Whether this kind of fault strikes here; its number if it does.
    pub fn strikes(&mut self, subject: usize, fault: Fault) -> Option<u32> {
        let (chance, drawn) = &mut self.subjects[subject];
        if *drawn < MOST && chance.one_in(self.rates[fault as usize]) {
            self.strikes_now(subject, fault)
        } else {
            None
        }
    }

    /// Strikes whatever the rate, unless it is left out.
    pub fn strikes_now(&mut self, subject: usize, fault: Fault) -> Option<u32> {
        let drawn = &mut self.subjects[subject].1;
        let number = u32::try_from(subject).unwrap_or_default() * NUMBERS + *drawn;
        *drawn += 1;
        let strikes = self.kept.keeps(number);
        self.struck[fault as usize] += u32::from(strikes);
        strikes.then_some(number)
    }

    /// How often each kind struck.
    pub const fn struck(&self) -> &[u32; KINDS] {
        &self.struck
    }

    /// How many were drawn, whether or not they were kept.
    pub fn drawn(&self) -> u32 {
        self.subjects.iter().map(|(_, drawn)| drawn).sum()
    }
}
