//! The examples of `/openapi.json` are true: each public operation is asked for on the running stack, and what goes
//! out and comes back has the form that docs/api/examples.json holds.
//!
//! `EXAMPLES=write cargo test --workspace --test stack -- examples` writes the file anew.

mod account;
mod order;
mod recorder;
mod staff;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contracts::operation::OPERATIONS;
use serde_json::Value;

use crate::house::house;
use recorder::Recorder;

#[tokio::test]
async fn every_example_of_the_document_is_true() {
    let house = house();
    let mut recorder = Recorder::new(&house);
    account::tell(&mut recorder).await;
    order::tell(&mut recorder).await;
    staff::tell(&mut recorder).await;
    let told = recorder.exchanges();
    let public = OPERATIONS.iter().filter(|row| row.path.is_some());
    let untold: Vec<&str> = public.map(|row| row.name).filter(|name| !told.contains_key(*name)).collect();
    assert!(untold.is_empty(), "no example asks for {untold:?}");

    if std::env::var("EXAMPLES").is_ok_and(|wish| wish == "write") {
        let text = serde_json::to_string_pretty(&told).unwrap() + "\n";
        std::fs::write(file(), text).unwrap();
        return;
    }
    let kept: BTreeMap<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(file()).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, now) in &told {
        match kept.get(name) {
            None => wrong.push(format!("{name} has no example")),
            Some(kept) => recorder::compare(name, kept, now, &mut wrong),
        }
    }
    wrong.extend(
        kept.keys().filter(|name| !told.contains_key(*name)).map(|name| format!("{name} is no operation")),
    );
    assert!(wrong.is_empty(), "docs/api/examples.json is not true:\n{}", wrong.join("\n"));
}

/// The document that the gateway gives is the one in the repository.
#[tokio::test]
async fn the_document_is_the_one_in_the_repository() {
    let house = house();
    let url = format!("{}/openapi.json", house.instance.gateway_url());
    let given: Value = house.http.get(url).send().await.unwrap().json().await.unwrap();
    let kept = std::fs::read_to_string(root().join("docs/api/openapi.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert!(given == kept, "docs/api/openapi.json is another document; run ./taskw render");
}

fn file() -> PathBuf {
    root().join("docs/api/examples.json")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
