//! Secrets: each service reads its own, and each is replaced while customers buy, so that nobody notices but whoever has
//! the old one.

mod load;
mod old;

use std::collections::{BTreeSet, HashMap};

use contracts::App;
use dapr::dapr::proto::runtime::v1::GetBulkSecretRequest;
use dapr::dapr::proto::runtime::v1::dapr_client::DaprClient;
use serde_json::Value;
use sidecar::{Address, Sidecar, SidecarError};
use stack::secrets::{self, Vault, readable_by, store_file};
use stack::{daprd, process};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use uuid::Uuid;

use crate::house::{House, house};
use crate::markers::{markers, written_with};
use load::Load;
use old::Old;

/// What the files of all services hold, and what none of them does.
fn names(house: &House) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["vault", "../vault", "database/url"].map(str::to_owned).into();
    for app in App::ALL {
        let text = std::fs::read(store_file(&house.instance, app)).unwrap();
        let store: Value = serde_json::from_slice(&text).unwrap();
        names.extend(store.as_object().unwrap().keys().cloned());
    }
    names
}

#[tokio::test]
async fn each_service_reads_its_own_secrets_and_no_other() {
    let house = house();
    let names = names(&house);
    assert!(names.len() > 8);
    for app in App::ALL {
        let (http_port, grpc_port) =
            (house.instance.ports.dapr_http(app), house.instance.ports.dapr_grpc(app));
        let token = house.instance.secret(&format!("token/{app}/dapr")).unwrap();
        let address = Address { http_port, grpc_port, api_token: token.clone().into() };
        let sidecar = Sidecar::new(address).unwrap();
        for name in &names {
            let own = readable_by(app).contains(&name.as_str());
            match sidecar.secret(name).await {
                Ok(_) => assert!(own, "{app} reads {name}"),
                Err(SidecarError::Rejected { code, .. }) => {
                    assert!(!own, "{app} does not read {name}");
                    assert!(
                        matches!(code, Code::PermissionDenied | Code::InvalidArgument),
                        "{name}: {code:?}"
                    );
                }
                Err(error) => panic!("{app} asks for {name}: {error}"),
            }
        }
        // Asked for all at once it gives no more.
        let channel =
            Endpoint::from_shared(format!("http://127.0.0.1:{grpc_port}")).unwrap().connect().await.unwrap();
        let shown: AsciiMetadataValue = token.parse().unwrap();
        let mut stub = DaprClient::with_interceptor(channel, move |mut request: Request<()>| {
            request.metadata_mut().insert("dapr-api-token", shown.clone());
            Ok(request)
        });
        let asked = GetBulkSecretRequest { store_name: "secrets".to_owned(), metadata: HashMap::new() };
        let given = stub.get_bulk_secret(asked).await.unwrap().into_inner().data;
        let given: BTreeSet<&str> = given.keys().map(String::as_str).collect();
        assert_eq!(given, readable_by(app).into_iter().collect(), "{app}");
        // There is no other way to it.
        let url = format!("http://127.0.0.1:{http_port}/v1.0/secrets/secrets/database");
        let answer = house.http.get(url).header("dapr-api-token", &token).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{app}: {}", answer.status());
    }
}

async fn rotate(house: &House, words: &[&'static str]) {
    let (instance, words) = (house.instance.clone(), words.to_vec());
    tokio::task::spawn_blocking(move || instance.rotate(&words)).await.unwrap().unwrap();
}

/// How many of these have no end yet.
async fn open(house: &House, orders: &[Uuid]) -> i64 {
    let open = "select count(*) from orders where id = any($1) and end_kind is null";
    sqlx::query_scalar(open).bind(orders).fetch_one(&mut house.database(App::Order).await).await.unwrap()
}

#[tokio::test]
async fn each_secret_is_replaced_by_one_command_and_no_request_fails() {
    let house = house();
    let mut written = markers(&house);
    let load = Load::start(&house).await;
    let commands: [&[&str]; 6] = [
        &["provider-key"],
        &["webhook-secret"],
        &["database", "order"],
        &["kafka", "product"],
        &["tokens", "gateway"],
        &["all"],
    ];
    let mut last = None;
    for words in commands {
        let old = Old::of(&house);
        rotate(&house, words).await;
        old.is_refused(&house, words).await;
        last = Some(old);
    }
    let told = load.stop().await;
    println!("{told}");
    assert!(told.failures.is_empty(), "{:#?}", told.failures);
    // What was bought meanwhile was bought.
    let mut orders = house.database(App::Order).await;
    house
        .until("every order has its end", async || (open(&house, &told.orders).await == 0).then_some(()))
        .await;
    let confirmed = "select count(*) from orders where id = any($1) and end_kind = 'confirmed'";
    let confirmed: i64 =
        sqlx::query_scalar(confirmed).bind(&told.orders).fetch_one(&mut orders).await.unwrap();
    assert_eq!(usize::try_from(confirmed).unwrap(), told.orders.len());
    // Nothing comes back with a start from the beginning.
    let instance = house.instance.clone();
    tokio::task::spawn_blocking(move || instance.down().and_then(|()| instance.up())).await.unwrap().unwrap();
    last.unwrap().is_refused(&house, &["all"]).await;
    // Neither is shown by what was written meanwhile.
    written.extend(markers(&house));
    let wrong = written_with(&house, &written).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_rotation_that_was_killed_is_gone_on_with_by_the_next() {
    let house = house();
    let names = daprd::name_resolution_file(&house.instance);
    let usual = std::fs::read(&names).unwrap();
    let mut rotating = house.instance.command(&["rotate", "database", "config"]).spawn().unwrap();
    house
        .until("another copy takes the calls", async || {
            (std::fs::read(&names).unwrap() != usual).then_some(())
        })
        .await;
    rotating.kill().unwrap();
    rotating.wait().unwrap();
    house
        .until("the usual one takes them again", async || {
            (std::fs::read(&names).unwrap() == usual).then_some(())
        })
        .await;
    house.configure("order.deadline", "15m").await;
    let begun = secrets::begun(&Vault::open(&house.instance).unwrap());
    assert!(!begun.is_empty(), "both passwords are good");

    let old = Old::of(&house);
    rotate(&house, &["provider-key"]).await;
    assert!(secrets::begun(&Vault::open(&house.instance).unwrap()).is_empty());
    old.is_refused(&house, &["provider-key"]).await;
    let second = |process: &process::Process| {
        process.variable(process::PART).is_some_and(|part| part.starts_with("config-2"))
    };
    assert!(!process::of_instance(&house.instance.home).iter().any(second), "nothing of it is left");
}
