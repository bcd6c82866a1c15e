//! A publisher and a subscriber that compare: what got lost between them is found and sent again.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{App, EventId};
use sidecar::gaps::Gaps;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{API_TOKEN, APP_TOKEN};
use tower::ServiceExt;
use uuid::Uuid;

use crate::published::{expired, write};
use crate::stage::{Service, noon};

/// The sidecar of `product`, which passes everything on to this router as the other's sidecar would.
async fn sidecar_to(publisher: Router) -> Sidecar {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http_port = listener.local_addr().unwrap().port();
    let router =
        Router::new().route("/v1.0/invoke/{app}/method/{operation}", post(pass_on)).with_state(publisher);
    tokio::spawn(axum::serve(listener, router).into_future());
    Sidecar::new(Address { http_port, grpc_port: 1, api_token: API_TOKEN.into() }).unwrap()
}

async fn pass_on(
    State(publisher): State<Router>,
    Path((_, operation)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("/{operation}").parse().unwrap();
    parts.headers.insert("dapr-caller-app-id", "product".parse().unwrap());
    parts.headers.insert("dapr-api-token", APP_TOKEN.parse().unwrap());
    publisher.oneshot(Request::from_parts(parts, body)).await.unwrap()
}

async fn handled(db: &PgPool, ids: &[EventId]) {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query(
        "insert into inbox (event_id, type, handled_at) select unnest($1::uuid[]), 'order.expired.v1', now()",
    )
    .bind(ids)
    .execute(db)
    .await
    .unwrap();
}

async fn waiting(db: &PgPool) -> Vec<EventId> {
    let ids: Vec<Uuid> = sqlx::query_scalar("select id from outbox where published_at is null order by id")
        .fetch_all(db)
        .await
        .unwrap();
    ids.into_iter().map(EventId).collect()
}

/// What the relay does with them.
async fn relay(db: &PgPool, at: DateTime<Utc>) {
    sqlx::query("update outbox set published_at = $1 where published_at is null")
        .bind(at)
        .execute(db)
        .await
        .unwrap();
}

async fn product_compares(db: &PgPool) -> Gaps {
    let sidecar = sidecar_to(Service::new(db).router(App::Order)).await;
    Gaps::new(App::Product, db.clone(), sidecar, Duration::from_secs(60))
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_that_got_lost_is_found_and_sent_again_until_it_arrives(db: PgPool) {
    let mut gaps = product_compares(&db).await;
    let order = Uuid::now_v7();
    let mut ids = Vec::new();
    for minutes in [600, 5, 2, 0] {
        let at = noon() - TimeDelta::minutes(minutes);
        ids.push(write(&db, order, expired(order), Some(at)).await);
    }
    handled(&db, &ids[..1]).await;
    handled(&db, &ids[2..3]).await;
    // The second is lost; the last has had no time to arrive.
    assert_eq!(gaps.look(noon()).await, 1);
    assert_eq!(waiting(&db).await, []);
    assert_eq!(gaps.look(noon() + TimeDelta::seconds(15)).await, 1);
    assert_eq!(waiting(&db).await, [ids[1]]);
    relay(&db, noon() + TimeDelta::seconds(16)).await;
    handled(&db, &ids[1..2]).await;
    handled(&db, &ids[3..]).await;
    assert_eq!(gaps.look(noon() + TimeDelta::minutes(5)).await, 0);
    assert_eq!(waiting(&db).await, []);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_long_history_is_read_in_pages_and_nothing_in_it_is_overlooked(db: PgPool) {
    sqlx::query(
        "insert into outbox (id, shard, subject, sequence, type, data, time, published_at)
         select gen_random_uuid(), 1, gen_random_uuid(), 1, 'order.expired.v1', '{}', $1,
                $1 - make_interval(secs => case when n % 3 = 0 then n * 60 else 7200 end)
         from generate_series(100, 3100) as n",
    )
    .bind(noon())
    .execute(&db)
    .await
    .unwrap();
    let all: Vec<Uuid> =
        sqlx::query_scalar("select id from outbox order by published_at, id").fetch_all(&db).await.unwrap();
    let lost: Vec<usize> = vec![0, 499, 500, 501, 1700, all.len() - 1];
    let arrived = all.iter().enumerate().filter(|(at, _)| !lost.contains(at)).map(|(_, id)| EventId(*id));
    handled(&db, &arrived.collect::<Vec<_>>()).await;

    let mut gaps = product_compares(&db).await;
    assert_eq!(gaps.look(noon()).await, lost.len());
    assert_eq!(gaps.look(noon()).await, lost.len());
    let mut expected: Vec<EventId> = lost.iter().map(|at| EventId(all[*at])).collect();
    expected.sort();
    assert_eq!(waiting(&db).await, expected);
}
