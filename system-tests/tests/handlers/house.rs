//! Four services, those of the saga with two replicas each whose clocks are two seconds apart, and a card processor.

use std::collections::HashMap;
use std::time::Duration;

use card_sandbox::config::{ApiKey, Config, Secrets};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::permission::Role;
use contracts::{App as Service, OrderId, UserId};
use sidecar::configuration::Live;
use sidecar::outbox::Outbox;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::{API_TOKEN, APP_TOKEN, Client, FakeSidecar, Signer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::health::Readiness;
use web::{Clock, Keys};

use crate::databases;
use crate::switchboard::Switchboard;

const API_KEY: &str = "sk_test_of_handlers";
const APART: TimeDelta = TimeDelta::seconds(2);

pub struct House {
    pub order: [order::app::App; 2],
    pub product: [product::app::App; 2],
    pub payment: [payment::app::App; 2],
    pub notification: notification::app::App,
    /// Without a token, as the gateway passes requests on; orders by replica.
    orders: [Client; 2],
    products: Client,
    payments: Client,
    clocks: [Clock; 2],
    signer: Signer,
    pub customer: UserId,
    pub staff: UserId,
    /// Payment methods by the processor's tokens.
    pub methods: HashMap<&'static str, String>,
    pub sandbox: String,
    /// Which schedule an order belongs to.
    pub schedules: HashMap<OrderId, u64>,
    name: String,
    _folder: TempDir,
}

impl House {
    /// With databases of its own, named after `name`.
    pub async fn open(name: &str) -> House {
        let clocks = [MORNING, MORNING].map(|text| Clock::fixed(text.parse().unwrap()));
        clocks[1].advance(APART);
        let (sandbox, folder) = start_sandbox().await;
        let board = Switchboard::default();
        let port = board.listen().await;
        // The replicas of order differ in when the money of new orders is captured.
        let sidecars = [open_sidecar(port, "at_once").await, open_sidecar(port, "before_shipping").await];
        let signer = Signer::default();

        let db = databases::create(&format!("{name}_order"), &order::app::MIGRATOR).await;
        let order = [0, 1].map(|replica| {
            let (sidecar, clock) = (sidecars[replica].clone(), clocks[replica].clone());
            let live = Live::start(&sidecar, Service::Order, CancellationToken::new());
            order::app::App {
                db: db.clone(),
                sidecar,
                outbox: Outbox::new(),
                live,
                clock,
                watches: order::app::watches::Watches::default(),
            }
        });
        let db = databases::create(&format!("{name}_product"), &product::app::MIGRATOR).await;
        let product = [0, 1].map(|replica| {
            let (sidecar, clock) = (sidecars[replica].clone(), clocks[replica].clone());
            let live = Live::start(&sidecar, Service::Product, CancellationToken::new());
            product::app::App { db: db.clone(), sidecar, outbox: Outbox::new(), live, clock }
        });
        let db = databases::create(&format!("{name}_payment"), &payment::app::MIGRATOR).await;
        let payment = [0, 1].map(|replica| {
            let (sidecar, clock) = (sidecars[replica].clone(), clocks[replica].clone());
            let live = Live::start(&sidecar, Service::Payment, CancellationToken::new());
            payment::app::App {
                db: db.clone(),
                sidecar,
                outbox: Outbox::new(),
                live,
                clock,
                provider: payment::provider::Provider::new(&sandbox, API_KEY.into()).unwrap(),
                webhook_secret: "whsec_of_handlers".into(),
                work: Default::default(),
                told: Default::default(),
            }
        });
        let db = databases::create(&format!("{name}_notification"), &notification::app::MIGRATOR).await;
        let live = Live::start(&sidecars[0], Service::Notification, CancellationToken::new());
        let notification = notification::app::App {
            db,
            live,
            clock: clocks[0].clone(),
            sidecar: sidecars[0].clone(),
            mailer: notification::app::mailer::Mailer::Memory(Default::default()),
            mails: Default::default(),
        };
        let lives = order.iter().map(|app| &app.live).chain(product.iter().map(|app| &app.live));
        for live in lives.chain(payment.iter().map(|app| &app.live)) {
            live.settled().await;
        }
        let keys = || Keys::fixed(signer.jwks());
        let open = Readiness::always;
        let of_order =
            order.clone().map(|app| order::app::router(app, keys(), open(), APP_TOKEN.to_owned().into()));
        let of_product =
            product::app::router(product[0].clone(), keys(), open(), APP_TOKEN.to_owned().into());
        let of_payment =
            payment::app::router(payment[0].clone(), keys(), open(), APP_TOKEN.to_owned().into());
        let of_notification =
            notification::app::router(notification.clone(), keys(), open(), APP_TOKEN.to_owned().into());
        board.connect(HashMap::from([
            ("order", of_order[0].clone()),
            ("product", of_product.clone()),
            ("payment", of_payment.clone()),
            ("notification", of_notification),
        ]));
        let mut house = House {
            order,
            product,
            payment,
            notification,
            orders: of_order.map(Client::new),
            products: Client::new(of_product),
            payments: Client::new(of_payment),
            clocks,
            signer,
            customer: UserId(Uuid::now_v7()),
            staff: UserId(Uuid::now_v7()),
            methods: HashMap::new(),
            sandbox,
            schedules: HashMap::new(),
            name: name.to_owned(),
            _folder: folder,
        };
        house.add_methods().await;
        house
    }

    pub async fn close(self) {
        for service in ["order", "product", "payment", "notification"] {
            databases::drop(&format!("{}_{service}", self.name)).await;
        }
    }

    /// By the clock that is behind.
    pub fn now(&self) -> DateTime<Utc> {
        self.clocks[0].now()
    }

    pub fn advance(&self, by: TimeDelta) {
        self.clocks.iter().for_each(|clock| clock.advance(by));
    }

    /// Tokens hold for minutes, so each schedule has its own.
    pub fn as_customer(&self, replica: usize) -> Client {
        self.orders[replica].bearer(&self.signer.token(self.customer, Role::Customer))
    }

    pub fn as_staff(&self, replica: usize) -> Client {
        self.orders[replica].bearer(&self.signer.token(self.staff, Role::Admin))
    }

    pub fn products(&self) -> Client {
        self.products.bearer(&self.signer.token(self.staff, Role::Admin))
    }

    pub fn payments(&self, user: UserId, role: Role) -> Client {
        self.payments.bearer(&self.signer.token(user, role))
    }

    /// The outboxes, by who publishes.
    pub fn outboxes(&self) -> [(Service, PgPool); 3] {
        [
            (Service::Order, self.order[0].db.clone()),
            (Service::Product, self.product[0].db.clone()),
            (Service::Payment, self.payment[0].db.clone()),
        ]
    }
}

/// When everything begins.
const MORNING: &str = "2026-11-01T09:00:00Z";

async fn open_sidecar(port: u16, capture: &str) -> Sidecar {
    let fake = FakeSidecar::start().await;
    for (key, value) in
        [("order.deadline", "60s"), ("order.capture", capture), ("payment.provider_timeout", "5s")]
    {
        fake.set_configuration_silently(key, value);
    }
    let address = Address { http_port: port, grpc_port: fake.grpc_port, api_token: API_TOKEN.into() };
    Sidecar::new(address).unwrap()
}

/// A card processor on a free port; its log lies in memory where that is possible.
async fn start_sandbox() -> (String, TempDir) {
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        log: folder.path().join("log.jsonl"),
        secrets: Secrets::Fixed { api_key: ApiKey::of(API_KEY), webhook: None },
        late_after: Duration::ZERO,
        public_url: None,
        webhook: None,
        verbosity: String::new(),
    };
    let app = card_sandbox::app::App::open(&config, card_sandbox::app::Clock::System).unwrap();
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(card_sandbox::app::serve(app, listener, std::future::pending::<()>()));
    (url, folder)
}
