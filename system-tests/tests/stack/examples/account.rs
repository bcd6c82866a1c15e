//! A customer's account, from registering to deleting it.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use uuid::Uuid;

use super::recorder::{Ask, Recorder};

const PASSWORD: &str = "seven small services in a row";
const NEXT_PASSWORD: &str = "eight small services in a row";

pub async fn tell(recorder: &mut Recorder<'_>) {
    let email = format!("{}@example.com", Uuid::now_v7());
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
    recorder.tell(Ask::new("register_user").body(body)).await;
    let log_in = || Ask::new("log_in").body(json!({"email": email, "password": PASSWORD}));
    let session = recorder.tell(log_in()).await.body;
    let refresh = json!({"refresh_token": session["refresh_token"]});
    let session = recorder.tell(Ask::new("refresh_session").body(refresh)).await.body;
    let token = text(&session, "access_token");
    recorder.tell(Ask::new("read_jwks")).await;
    recorder.tell(Ask::new("read_me").by(&token)).await;
    let profile = recorder.tell(Ask::new("read_profile").by(&token)).await;
    let change = Ask::new("change_profile").by(&token).seen(&profile.etag);
    recorder.tell(change.body(json!({"name": "Ada King"}))).await;
    addresses(recorder, &token).await;
    verification(recorder, &token, &email).await;
    sessions(recorder, &token, &email).await;
    second_factor(recorder, &token).await;
    recorder.tell(Ask::new("export_account").by(&token)).await;

    reset(recorder, &email).await;
    let log_in = || Ask::new("log_in").body(json!({"email": email, "password": NEXT_PASSWORD}));
    let token = text(&recorder.ask(&log_in()).await.body, "access_token");
    let change = json!({"old_password": NEXT_PASSWORD, "new_password": PASSWORD});
    recorder.tell(Ask::new("change_password").by(&token).body(change)).await;
    let log_in = || Ask::new("log_in").body(json!({"email": email, "password": PASSWORD}));
    for end in ["log_out", "log_out_everywhere"] {
        let token = text(&recorder.ask(&log_in()).await.body, "access_token");
        recorder.tell(Ask::new(end).by(&token)).await;
    }
    let token = text(&recorder.ask(&log_in()).await.body, "access_token");
    recorder.tell(Ask::new("delete_account").by(&token).body(json!({"password": PASSWORD}))).await;
}

async fn addresses(recorder: &mut Recorder<'_>, token: &str) {
    let address = json!({"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London",
        "postcode": "SW1Y 4JH", "country": "GB"});
    let added = recorder.tell(Ask::new("add_address").by(token).once().body(address.clone())).await;
    let id = text(&added.body, "id");
    recorder.tell(Ask::new("list_addresses").by(token).query("limit", 20)).await;
    let read = recorder.tell(Ask::new("read_address").by(token).of("address_id", &id)).await;
    let change = Ask::new("change_address").by(token).of("address_id", &id).seen(&read.etag);
    let changed = recorder.tell(change.body(address)).await;
    let remove = Ask::new("remove_address").by(token).of("address_id", &id).seen(&changed.etag);
    recorder.tell(remove).await;
}

async fn verification(recorder: &mut Recorder<'_>, token: &str, email: &str) {
    // The first mail was sent for registering, and the next one has to wait.
    recorder.refused(Ask::new("request_verification").by(token), "rate-limited").await;
    let code = mailed_code(recorder, email, "Please confirm").await;
    recorder.tell(Ask::new("confirm_email").body(json!({"code": code}))).await;
}

async fn reset(recorder: &mut Recorder<'_>, email: &str) {
    recorder.tell(Ask::new("request_reset").body(json!({"email": email}))).await;
    let code = mailed_code(recorder, email, "Choose a new").await;
    recorder.tell(Ask::new("confirm_reset").body(json!({"code": code, "password": NEXT_PASSWORD}))).await;
}

/// The code of the newest mail to the address with this subject. Without a mail server mails are files.
async fn mailed_code(recorder: &Recorder<'_>, email: &str, subject: &str) -> String {
    let pattern = regex::Regex::new(r"(?m)^cwm_[A-Za-z0-9_-]+").unwrap();
    let newest = async || {
        let mut files: Vec<_> = std::fs::read_dir(recorder.house.instance.mails()).ok()?.flatten().collect();
        files.sort_by_key(|file| file.metadata().and_then(|data| data.modified()).ok());
        files.iter().rev().find_map(|file| {
            let mail = std::fs::read_to_string(file.path()).ok()?;
            let meant = mail.contains(email) && mail.contains(subject);
            pattern.find(&mail).filter(|_| meant).map(|code| code.as_str().to_owned())
        })
    };
    recorder.house.until(&format!("a mail arrives: {subject}"), newest).await
}

async fn sessions(recorder: &mut Recorder<'_>, token: &str, email: &str) {
    recorder.ask(&Ask::new("log_in").body(json!({"email": email, "password": PASSWORD}))).await;
    let listed = recorder.tell(Ask::new("list_sessions").by(token).query("limit", 20)).await.body;
    let other = listed["items"].as_array().unwrap().iter().find(|session| session["current"] == false);
    recorder.tell(Ask::new("end_session").by(token).of("session_id", text(other.unwrap(), "id"))).await;
}

async fn second_factor(recorder: &mut Recorder<'_>, token: &str) {
    let enrol = Ask::new("enrol_totp").by(token).body(json!({"password": PASSWORD}));
    let secret = text(&recorder.tell(enrol).await.body, "secret");
    let code = code(&secret, chrono::Utc::now().timestamp());
    let confirmed = recorder.tell(Ask::new("confirm_totp").by(token).body(json!({"code": code}))).await.body;
    // A code is taken once, so the next time is a recovery code's.
    let body = json!({"password": PASSWORD, "code": confirmed["recovery_codes"][0]});
    recorder.tell(Ask::new("disable_totp").by(token).body(body)).await;
}

/// The code of RFC 6238 for this time.
fn code(secret: &str, now: i64) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut held, mut key) = (0_u32, 0, Vec::new());
    for letter in secret.bytes() {
        let value = alphabet.iter().position(|other| *other == letter).expect("base32");
        bits = bits << 5 | u32::try_from(value).unwrap();
        held += 5;
        if held >= 8 {
            held -= 8;
            key.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let step = u64::try_from(now / 30).unwrap().to_be_bytes();
    let mac = hmac::sign(&key, &step);
    let at = usize::from(mac.as_ref()[19] & 0xf);
    let four: [u8; 4] = mac.as_ref()[at..at + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}
