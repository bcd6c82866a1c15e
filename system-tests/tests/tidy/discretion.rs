//! Secrets are not shown by accident: what holds one cannot be printed, and few rooms take one out of its type.

use crate::{before_tests, complain, lines_with, product};

#[test]
fn what_holds_a_secret_as_plain_text_cannot_be_shown() {
    let words = ["password", "secret", "token", "api_key", "private_key"];
    let secret = |line: &&str| {
        let Some((name, kind)) = line.trim().trim_start_matches("pub ").split_once(": ") else {
            return false;
        };
        let plain = ["String", "str", "Vec<u8>"].iter().any(|word| kind.contains(word));
        words.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
            && plain
            && !kind.contains("Secret")
    };
    let mut found = Vec::new();
    for (name, text) in product() {
        for derived in before_tests(&text).split("#[derive(").skip(1).filter(|text| text.contains("struct "))
        {
            let (traits, rest) = derived.split_once(')').unwrap_or_default();
            let fields = rest.split("\n}").next().unwrap_or_default();
            if traits.contains("Debug") && fields.starts_with("]\n") {
                found.extend(fields.lines().filter(secret).map(|line| format!("{name}: {}", line.trim())));
            }
        }
    }
    complain("a secret is a SecretString, or what holds it has no Debug that shows it", found);
}

#[test]
fn a_secret_is_taken_out_of_its_type_in_few_rooms() {
    let rooms = [
        "apps/card-sandbox/src/jobs.rs",
        "apps/notification/src/app/mailer.rs",
        "apps/payment/src/api/webhooks.rs",
        "apps/payment/src/domain/method.rs",
        "apps/payment/src/provider.rs",
        "apps/user/src/app.rs",
        "apps/user/src/app/sealing.rs",
        "apps/user/src/app/secrets.rs",
        "apps/user/src/domain.rs",
        "apps/user/src/domain/opaque.rs",
        "crates/sidecar/src/client.rs",
        "crates/sidecar/src/database.rs",
        "crates/sidecar/src/guard.rs",
    ];
    let elsewhere: Vec<_> =
        product().into_iter().filter(|(name, _)| !rooms.contains(&name.as_str())).collect();
    complain("name the room here, and why", lines_with(&elsewhere, &["expose_secret("]).collect());
}
