//! Asks everybody about orders, and puts together what was told.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use contracts::facts::{
    EventIds, HandledEvents, MOST_EVENTS, MessageFacts, OrdersQuery, PaymentFacts, PaymentsFacts,
    PaymentsQuery, PublishedEvents, PublishedQuery, ReservationFacts, StockFacts, StockQuery,
};
use contracts::{App as Service, EventId, EventType, Operation, OrderId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sidecar::inbox;

use crate::app::App;
use crate::domain::books::facts::{Handling, Messages, Said};
use crate::domain::books::{Case, OrderFacts, Told};
use crate::store::books;

/// How long an answer is waited for; whoever needs longer is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of some orders.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub cases: Vec<Case>,
    /// What others hold for orders that do not exist.
    pub reservations: Vec<ReservationFacts>,
    pub payments: Vec<PaymentFacts>,
    pub unreachable: Vec<Service>,
}

/// What the others told; none where one was not reached.
struct Answers {
    stock: Option<StockFacts>,
    payments: Option<PaymentsFacts>,
    messages: Option<MessageFacts>,
    said_by_product: Option<PublishedEvents>,
    said_by_payment: Option<PublishedEvents>,
}

/// Reads `order`'s own facts first: what is heard there must have been said before. Who is known to be `away` is not
/// asked again.
pub(super) async fn gather(app: &App, ids: &[OrderId], away: &[Service]) -> Result<Gathered, sqlx::Error> {
    let mut db = app.db.acquire().await?;
    let mut tx = books::snapshot(&mut db).await?;
    let orders = books::list_facts(&mut tx, ids).await?;
    tx.commit().await?;
    drop(db);

    let answers = ask_all(app, ids, away).await;
    let mut gathered = Gathered::default();
    for (service, reached) in [
        (Service::Product, answers.stock.is_some() && answers.said_by_product.is_some()),
        (Service::Payment, answers.payments.is_some() && answers.said_by_payment.is_some()),
        (Service::Notification, answers.messages.is_some()),
    ] {
        if !reached {
            gathered.unreachable.push(service);
        }
    }
    let known: HashSet<OrderId> = orders.iter().map(|order| order.order_id).collect();
    let strangers = |order_id: &OrderId| !known.contains(order_id);
    gathered.reservations = answers.stock.iter().flat_map(|facts| facts.reservations.clone()).collect();
    gathered.reservations.retain(|reservation| strangers(&reservation.order_id));
    gathered.payments = answers.payments.iter().flat_map(|facts| facts.payments.clone()).collect();
    gathered.payments.retain(|payment| strangers(&payment.order_id));
    gathered.cases = orders.into_iter().map(|order| case(order, &answers)).collect();
    add_handling(app, &mut gathered).await?;
    Ok(gathered)
}

async fn ask_all(app: &App, ids: &[OrderId], away: &[Service]) -> Answers {
    let orders = OrdersQuery { order_ids: ids.to_vec() };
    let stock = StockQuery::Orders(ids.to_vec());
    let payments = PaymentsQuery::Orders(ids.to_vec());
    let subjects = PublishedQuery::Subjects(ids.iter().map(|id| id.0).collect());
    let (stock, payments, messages, said_by_product, said_by_payment) = tokio::join!(
        ask_unless(away, app, Operation::ReadStockFacts, &stock),
        ask_unless(away, app, Operation::ReadPaymentFacts, &payments),
        ask_unless(away, app, Operation::ReadMessageFacts, &orders),
        ask_unless(away, app, Operation::ListPublishedProduct, &subjects),
        ask_unless(away, app, Operation::ListPublishedPayment, &subjects),
    );
    Answers { stock, payments, messages, said_by_product, said_by_payment }
}

async fn ask_unless<Q: Serialize, R: DeserializeOwned>(
    away: &[Service],
    app: &App,
    operation: Operation,
    query: &Q,
) -> Option<R> {
    if away.contains(&operation.row().owner) { None } else { ask(app, operation, query).await }
}

/// None when the service was not reached, or answered with something else; the report says so by its name.
pub(super) async fn ask<Q: Serialize, R: DeserializeOwned>(
    app: &App,
    operation: Operation,
    query: &Q,
) -> Option<R> {
    let why = match tokio::time::timeout(PATIENCE, app.sidecar.invoke(operation, Some(query))).await {
        Ok(Ok(answer)) => return Some(answer),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    tracing::warn!(operation = operation.name(), error = why, "the books could not ask a service");
    None
}

fn case(order: OrderFacts, answers: &Answers) -> Case {
    let order_id = order.order_id;
    let stock = told(answers.stock.as_ref(), |facts| {
        facts.reservations.iter().find(|reservation| reservation.order_id == order_id).cloned()
    });
    let payment = told(answers.payments.as_ref(), |facts| {
        facts.payments.iter().find(|payment| payment.order_id == order_id).cloned()
    });
    let messages = told(answers.messages.as_ref(), |facts| Some(messages(facts, order_id)));
    let own = Said {
        publisher: Service::Order,
        events: order.events.iter().map(|event| event.published.clone()).collect(),
        head: order.head,
    };
    let others = [
        (Service::Product, answers.said_by_product.as_ref()),
        (Service::Payment, answers.said_by_payment.as_ref()),
    ];
    let mut said = vec![own];
    said.extend(
        others.into_iter().filter_map(|(publisher, events)| Some(said_of(publisher, events?, order_id))),
    );
    Case { order, stock, payment, messages, said, handling: Vec::new() }
}

fn told<A, T>(answer: Option<&A>, find: impl FnOnce(&A) -> Option<T>) -> Told<T> {
    match answer {
        None => Told::Unreached,
        Some(answer) => find(answer).map_or(Told::Nothing, Told::Facts),
    }
}

fn messages(facts: &MessageFacts, order_id: OrderId) -> Messages {
    let repeated = facts.repeated.iter().filter(|message| message.order_id == order_id).cloned();
    let ends = facts.ends.iter().filter(|told| told.order_id == order_id).map(|told| told.end.clone());
    Messages { repeated: repeated.collect(), ends: ends.collect() }
}

fn said_of(publisher: Service, answer: &PublishedEvents, order_id: OrderId) -> Said {
    let events = answer.events.iter().filter(|event| event.subject == order_id.0).cloned().collect();
    let head = answer.heads.iter().find(|head| head.subject == order_id.0).map_or(0, |head| head.sequence);
    Said { publisher, events, head }
}

/// Asks each subscriber what it did with these orders' events.
async fn add_handling(app: &App, gathered: &mut Gathered) -> Result<(), sqlx::Error> {
    let mut by_subscriber: BTreeMap<Service, Vec<EventId>> = BTreeMap::new();
    for event in gathered.cases.iter().flat_map(|case| &case.said).flat_map(|said| &said.events) {
        let subscribers =
            EventType::from_name(&event.event_type).map_or(&[][..], |known| known.row().subscribers);
        for subscriber in subscribers {
            by_subscriber.entry(*subscriber).or_default().push(event.id);
        }
    }
    for (subscriber, ids) in by_subscriber {
        let known = match subscriber {
            away if gathered.unreachable.contains(&away) => None,
            Service::Product => ask_handled(app, Operation::CheckHandledProduct, ids).await,
            Service::Payment => ask_handled(app, Operation::CheckHandledPayment, ids).await,
            Service::Notification => ask_handled(app, Operation::CheckHandledNotification, ids).await,
            Service::Order => {
                let handled = inbox::check(&mut *app.db.acquire().await?, &ids).await?;
                Some(known(handled).collect())
            }
            // They subscribe to nothing that is said of an order.
            Service::Gateway | Service::Config | Service::User => continue,
        };
        match known {
            Some(known) => {
                for case in &mut gathered.cases {
                    let of_case = case.said.iter().flat_map(|said| &said.events).map(|event| event.id);
                    let known = of_case.filter(|id| known.contains(id)).collect();
                    case.handling.push(Handling { subscriber, known });
                }
            }
            None if gathered.unreachable.contains(&subscriber) => {}
            None => gathered.unreachable.push(subscriber),
        }
    }
    Ok(())
}

async fn ask_handled(app: &App, operation: Operation, ids: Vec<EventId>) -> Option<HashSet<EventId>> {
    let mut all = HashSet::new();
    for part in ids.chunks(MOST_EVENTS) {
        let answer: HandledEvents = ask(app, operation, &EventIds { event_ids: part.to_vec() }).await?;
        all.extend(known(answer));
    }
    Some(all)
}

fn known(answer: HandledEvents) -> impl Iterator<Item = EventId> {
    answer.handled.into_iter().chain(answer.failed).chain(answer.discarded)
}
