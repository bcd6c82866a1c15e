//! Mails with one-time codes: what stands in them, and when one is tried again.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::mail::MailCode;

use super::Language;

/// What the code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailKind {
    Verification,
    Reset,
}

/// A mail as it is sent. It has no `Debug`: it holds a code.
pub struct Mail {
    pub to: String,
    pub name: String,
    pub subject: String,
    pub body: String,
}

/// How a mail came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    /// There was nothing left to write.
    Moot,
    /// The mail server does not take it, and never will.
    Refused,
}

impl MailKind {
    pub const ALL: [MailKind; 2] = [MailKind::Verification, MailKind::Reset];

    pub const fn name(self) -> &'static str {
        match self {
            MailKind::Verification => "verification",
            MailKind::Reset => "reset",
        }
    }

    pub fn from_name(name: &str) -> Option<MailKind> {
        MailKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Sent => "sent",
            Outcome::Moot => "moot",
            Outcome::Refused => "refused",
        }
    }
}

/// When a mail is tried again that was begun this often: a little later each time. Whoever sends it may die, so this
/// is fixed before it is tried.
pub fn next_try(attempts: i32, now: DateTime<Utc>) -> DateTime<Utc> {
    let doublings = u32::try_from(attempts).unwrap_or_default().min(6);
    now + TimeDelta::seconds(15) * 2_i32.pow(doublings)
}

pub fn write(kind: MailKind, code: &MailCode, language: Language) -> Mail {
    let MailCode { email, name, code, expires_at } = code;
    // A name stands in a header too, where a line's end would begin another one.
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let hello = if name.trim().is_empty() { "Hello".to_owned() } else { format!("Hello {name}") };
    let until = expires_at.format("%H:%M on %-d %B %Y (UTC)");
    let (subject, body) = match (kind, language) {
        (MailKind::Verification, Language::En) => (
            "Please confirm your e-mail address",
            format!(
                "{hello},\n\n\
                 somebody, probably you, registered this address with us. \
                 This code confirms that it is yours:\n\n\
                 {code}\n\n\
                 It is good once, until {until}. If it was not you, do nothing.\n"
            ),
        ),
        (MailKind::Reset, Language::En) => (
            "Choose a new password",
            format!(
                "{hello},\n\n\
                 somebody, probably you, wants to choose a new password for your account. \
                 You need this code for it:\n\n\
                 {code}\n\n\
                 It is good once, until {until}. \
                 If it was not you, do nothing: your password stays as it is. Tell the code to nobody.\n"
            ),
        ),
    };
    Mail { to: email.clone(), name, subject: subject.to_owned(), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_tried_again_later_and_later() {
        let now = DateTime::UNIX_EPOCH;
        let seconds: Vec<i64> = (0..9).map(|tried| (next_try(tried, now) - now).num_seconds()).collect();
        assert_eq!(seconds, [15, 30, 60, 120, 240, 480, 960, 960, 960]);
    }

    #[test]
    fn a_mail_holds_the_code_and_until_when_it_is_good() {
        let code = MailCode {
            email: "ada@example.org".into(),
            name: "Ada".into(),
            code: "cwm_x".into(),
            expires_at: "2026-11-22T10:30:00Z".parse().unwrap(),
        };
        for kind in MailKind::ALL {
            let mail = write(kind, &code, Language::En);
            assert!(mail.body.contains("\ncwm_x\n"), "{}", mail.body);
            assert!(mail.body.contains("10:30 on 22 November 2026 (UTC)"), "{}", mail.body);
            assert!(!mail.subject.contains("cwm_"));
            assert!(mail.body.starts_with("Hello Ada,\n"), "{}", mail.body);
            assert_eq!(MailKind::from_name(kind.name()), Some(kind));
            let nameless = write(kind, &MailCode { name: String::new(), ..code.clone() }, Language::En);
            assert!(nameless.body.starts_with("Hello,\n"), "{}", nameless.body);
        }
    }
}
