//! Every state of an intent against every act, in one table.

use card_sandbox::domain::Metadata;
use card_sandbox::domain::card::{Decline, Token};
use card_sandbox::domain::entry::Entry;
use card_sandbox::domain::intent::{CaptureMethod, Failure, Intent, Refusal, Resolution, State, Step};
use card_sandbox::domain::money::{Amount, Currency};

#[test]
fn every_act_in_every_state() {
    let mut table = String::new();
    for capture_method in [CaptureMethod::Automatic, CaptureMethod::Manual] {
        for state in states() {
            let intent = Intent { state, ..intent(capture_method) };
            for (act, result) in acts(&intent) {
                let state = format!("{capture_method:?} {}", shown(&intent));
                table.push_str(&format!("{state:<44} {act:<24} {result}\n"));
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn acts(intent: &Intent) -> Vec<(&'static str, String)> {
    let charge = || "ch_2".to_owned();
    let card = |name: &str| Some(Token::find(name).unwrap());
    let amount = |minor_units: u64| Some(Amount::new(minor_units).unwrap());
    let refund = |requested| match intent.refundable(requested) {
        Ok((_, amount)) => format!("refund of {}", amount.minor_units()),
        Err(refusal) => format!("refused: {refusal}"),
    };
    let dispute = match intent.disputable() {
        Ok((_, amount)) => format!("dispute of {}", amount.minor_units()),
        Err(refusal) => format!("refused: {refusal}"),
    };
    vec![
        ("confirm", told(intent.confirm(None, charge(), Step::default()))),
        ("confirm, approved card", told(intent.confirm(card("pm_card_visa"), charge(), Step::default()))),
        (
            "confirm, declined card",
            told(intent.confirm(card("pm_card_chargeDeclined"), charge(), Step::default())),
        ),
        (
            "confirm, card that asks",
            told(intent.confirm(card("pm_card_authenticationRequired"), charge(), Step::default())),
        ),
        ("confirm, slow card", told(intent.confirm(card("pm_processing"), charge(), Step::default()))),
        ("resolve, approved", told(intent.resolve(Resolution::Approved, charge()))),
        ("resolve, declined", told(intent.resolve(Resolution::Declined, charge()))),
        ("capture", told(intent.capture(None))),
        ("capture 40 of 100", told(intent.capture(amount(40)))),
        ("capture 101 of 100", told(intent.capture(amount(101)))),
        ("cancel", told(intent.cancel(None))),
        ("lapse", told(intent.lapse())),
        ("refund", refund(None)),
        ("refund 60", refund(amount(60))),
        ("refund 101", refund(amount(101))),
        ("dispute", dispute),
    ]
}

fn told(result: Result<Entry, Refusal>) -> String {
    match result {
        Ok(entry) => {
            let entry = serde_json::to_value(entry).unwrap();
            match entry.get("amount") {
                Some(amount) => format!("{} {amount}", entry["type"].as_str().unwrap()),
                None => entry["type"].as_str().unwrap().to_owned(),
            }
        }
        Err(refusal) => format!("refused: {refusal}"),
    }
}

fn shown(intent: &Intent) -> String {
    match &intent.state {
        State::Succeeded { captured, refunded, .. } => {
            format!("{} {}-{refunded}", intent.status(), captured.minor_units())
        }
        State::RequiresPaymentMethod { failure: Some(_) } => format!("{} declined", intent.status()),
        State::RequiresPaymentMethod { failure: None }
        | State::RequiresConfirmation { .. }
        | State::RequiresAction { .. }
        | State::Processing { .. }
        | State::RequiresCapture { .. }
        | State::Canceled { .. } => intent.status().to_owned(),
    }
}

fn states() -> Vec<State> {
    let method = Token::find("pm_card_visa").unwrap();
    let charge = "ch_1".to_owned();
    let captured = Amount::new(100).unwrap();
    let failure = Failure { method, charge: charge.clone(), reason: Decline::GenericDecline };
    let succeeded = |refunded| State::Succeeded { method, charge: charge.clone(), captured, refunded };
    vec![
        State::RequiresPaymentMethod { failure: None },
        State::RequiresPaymentMethod { failure: Some(failure) },
        State::RequiresConfirmation { method },
        State::RequiresAction { method, page: None, return_url: None },
        State::Processing { method },
        State::RequiresCapture { method, charge: charge.clone() },
        succeeded(0),
        succeeded(50),
        succeeded(100),
        State::Canceled { canceled_at: Default::default(), reason: None, charge: None },
    ]
}

fn intent(capture_method: CaptureMethod) -> Intent {
    Intent {
        id: "pi_1".to_owned(),
        amount: Amount::new(100).unwrap(),
        currency: Currency::try_from("gbp".to_owned()).unwrap(),
        capture_method,
        metadata: Metadata::new(),
        created_at: Default::default(),
        state: State::RequiresPaymentMethod { failure: None },
    }
}
