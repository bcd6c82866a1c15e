//! The ways that an order goes past the points, each with the end that it must come to.

use contracts::App;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stack::process::Signal;

use crate::house::{Customer, House};

const PRICE: i64 = 1_250;
const STOCK: i64 = 10;
const PIECES: i64 = 2;

/// What happens to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    Bought,
    /// The card processor charges, does not answer, and tells nothing later.
    Unanswered,
    Declined,
    /// Bought and cancelled, so that the money goes back.
    Cancelled,
    /// As that; the card processor makes the refund, does not answer, and tells nothing later.
    RefundUnanswered,
    /// Captured when it is shipped, then delivered.
    ShippedLater,
    /// Delivered; one piece comes back and is refunded.
    Returned,
    /// Nobody pays in time.
    Expired,
}

impl Drive {
    pub const ALL: [Drive; 8] = [
        Drive::Bought,
        Drive::Unanswered,
        Drive::Declined,
        Drive::Cancelled,
        Drive::RefundUnanswered,
        Drive::ShippedLater,
        Drive::Returned,
        Drive::Expired,
    ];

    const fn card(self) -> &'static str {
        match self {
            Drive::Unanswered => "pm_charge_no_word",
            Drive::Declined => "pm_card_chargeDeclined",
            Drive::RefundUnanswered => "pm_refund_no_word",
            Drive::Bought | Drive::Cancelled | Drive::ShippedLater | Drive::Returned | Drive::Expired => {
                "pm_card_visa"
            }
        }
    }
}

/// A customer and a product of the order's own.
pub struct Scene {
    drive: Drive,
    customer: Customer,
    staff: String,
    pub product: String,
}

/// What must be so in the end.
pub struct End {
    pub order: String,
    pub status: String,
    pub on_hand: i64,
    pub allocated: i64,
    /// What the shop has of the customer's money.
    pub kept: i64,
}

impl Scene {
    /// Everything that is needed before the point is armed.
    pub async fn set(house: &House, drive: Drive) -> Scene {
        let product = house.product(STOCK.try_into().unwrap()).await;
        let customer = house.customer(drive.card()).await;
        let staff = house.administrator().await;
        let scene = Scene { drive, customer, staff, product };
        let capture = if drive == Drive::ShippedLater { "before_shipping" } else { "at_once" };
        scene.configure(house, "order.capture", capture).await;
        scene.configure(house, "order.deadline", if drive == Drive::Expired { "8s" } else { "15m" }).await;
        house.settled().await;
        scene
    }

    pub async fn drive(&self, house: &House) -> End {
        if self.drive == Drive::Expired {
            house.instance.signal("payment", Signal::STOP).unwrap();
        }
        let order = house.place(&self.customer, &self.product, PIECES.try_into().unwrap()).await;
        let ended = house.ended(&self.customer, &order).await;
        if self.drive == Drive::Expired {
            house.instance.signal("payment", Signal::CONT).unwrap();
        }
        let (expected, kept) = match self.drive {
            Drive::Declined => ("rejected", None),
            Drive::Expired => ("expired", None),
            Drive::Bought
            | Drive::Unanswered
            | Drive::Cancelled
            | Drive::RefundUnanswered
            | Drive::ShippedLater
            | Drive::Returned => ("confirmed", Some(PIECES)),
        };
        assert_eq!(ended["status"], expected, "{ended}");
        match self.drive {
            Drive::Cancelled | Drive::RefundUnanswered => self.cancel(house, &order).await,
            Drive::ShippedLater => self.deliver(house, &order).await,
            Drive::Returned => {
                self.deliver(house, &order).await;
                self.send_back(house, &order).await;
            }
            Drive::Bought | Drive::Unanswered | Drive::Declined | Drive::Expired => {}
        }
        house.settled().await;
        let shown = self.read(house, &order).await;
        self.end(order, shown["status"].as_str().unwrap(), kept)
    }

    fn end(&self, order: String, status: &str, pieces: Option<i64>) -> End {
        let (on_hand, allocated, kept) = match self.drive {
            Drive::ShippedLater => (STOCK - PIECES, 0, PIECES),
            Drive::Returned => (STOCK - PIECES + 1, 0, PIECES - 1),
            Drive::Cancelled | Drive::RefundUnanswered => (STOCK, 0, 0),
            Drive::Bought | Drive::Unanswered | Drive::Declined | Drive::Expired => {
                (STOCK, pieces.unwrap_or(0), pieces.unwrap_or(0))
            }
        };
        End { order, status: status.to_owned(), on_hand, allocated, kept: kept * PRICE }
    }

    async fn cancel(&self, house: &House, order: &str) {
        let path = format!("/v1/orders/{order}/cancellations");
        let (status, answer) = house.ask(Method::POST, &path, &self.customer.token, Some(json!({}))).await;
        assert_eq!(status, 201, "{answer}");
    }

    async fn deliver(&self, house: &House, order: &str) {
        let shown = self.by_staff(house, order, "parcels", json!({})).await;
        let parcel = shown["parcels"][0]["id"].as_str().unwrap().to_owned();
        house
            .until("the parcel has left", async || {
                let shown = self.read(house, order).await;
                (shown["parcels"][0]["status"] == "shipped").then_some(())
            })
            .await;
        self.by_staff(house, order, &format!("parcels/{parcel}/delivery"), json!({})).await;
    }

    async fn send_back(&self, house: &House, order: &str) {
        let part = json!([{"product_id": self.product, "quantity": 1}]);
        let path = format!("/v1/orders/{order}/returns");
        let body = json!({"parts": part});
        let (status, shown) = house.ask(Method::POST, &path, &self.customer.token, Some(body)).await;
        assert_eq!(status, 201, "{shown}");
        let back = shown["returns"][0]["id"].as_str().unwrap().to_owned();
        let received = json!({"restocked": part});
        self.by_staff(house, order, &format!("returns/{back}/receipt"), received).await;
        self.by_staff(house, order, &format!("returns/{back}/refund"), json!({})).await;
    }

    /// Changes the order as staff see it; an event that comes in between makes them look again.
    async fn by_staff(&self, house: &House, order: &str, what: &str, body: Value) -> Value {
        house
            .until(what, async || {
                let version = version(house, order).await;
                let path = format!("/v1/orders/{order}/{what}");
                let headers = [("if-match", format!("\"{version}\""))];
                let (status, answer) =
                    house.ask_with(Method::POST, &path, &self.staff, Some(body.clone()), &headers).await;
                if status == StatusCode::PRECONDITION_FAILED {
                    return None;
                }
                assert!(status.is_success(), "{what}: {answer}");
                Some(answer)
            })
            .await
    }

    async fn read(&self, house: &House, order: &str) -> Value {
        let path = format!("/v1/orders/{order}");
        house.ask(Method::GET, &path, &self.customer.token, None).await.1
    }

    /// Sets a key, and waits until orders are placed by it.
    async fn configure(&self, house: &House, key: &str, value: &str) {
        let path = format!("/v1/config/{key}");
        let (_, present) = house.ask(Method::GET, &path, &self.staff, None).await;
        if present["value"] != value {
            house.configure(key, value).await;
        }
    }
}

async fn version(house: &House, order: &str) -> i64 {
    sqlx::query_scalar("select version from orders where id = $1::uuid")
        .bind(order)
        .fetch_one(&mut house.database(App::Order).await)
        .await
        .unwrap()
}
