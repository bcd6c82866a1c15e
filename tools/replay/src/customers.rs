//! Buyers become users with a password and a way to pay.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use contracts::PaymentMethodId;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use crate::Options;
use crate::client::{Client, Credentials, Session};
use crate::progress::Progress;
use crate::sales::{Buyer, Sales};

/// These accounts are test data: whoever knows the seed knows their passwords.
pub const DEFAULT_SEED: &str = "cartwright-replay";
/// A card that the card processor always approves.
const APPROVED_CARD: &str = "pm_card_visa";
const PAYMENT_METHOD_KEY: &str = "replay-payment-method";

/// A buyer who is signed in and can pay.
pub struct Customer {
    pub session: Session,
    pub payment_method_id: PaymentMethodId,
}

pub type Customers = HashMap<Buyer, Arc<Customer>>;

/// Registers every buyer of the file, as far as that was not done before.
pub async fn register(
    client: &Client,
    sales: &Sales,
    options: &Options,
    progress: &Progress,
) -> anyhow::Result<Customers> {
    stream::iter(sales.buyers())
        .map(|buyer| async move {
            let customer = register_one(client, buyer, &options.seed)
                .await
                .with_context(|| format!("cannot register {}", buyer.email()))?;
            progress.advance(1);
            Ok((buyer.clone(), Arc::new(customer)))
        })
        .buffer_unordered(options.concurrency)
        .try_collect()
        .await
}

async fn register_one(client: &Client, buyer: &Buyer, seed: &str) -> anyhow::Result<Customer> {
    let credentials = credentials(buyer, seed);
    client.register(&credentials, &buyer.name()).await?;
    let session = client
        .log_in(credentials)
        .await
        .context("if the account was made with another seed, give that with --seed")?;
    let payment_method_id = session.add_payment_method(APPROVED_CARD, PAYMENT_METHOD_KEY).await?;
    Ok(Customer { session, payment_method_id })
}

fn credentials(buyer: &Buyer, seed: &str) -> Credentials {
    let email = buyer.email();
    let digest = hex::encode(Sha256::digest(format!("{seed}/{email}")));
    Credentials { password: digest[..32].to_owned(), email }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_follows_from_seed_and_address() {
        let buyer = Buyer::Customer("12583".into());
        let first = credentials(&buyer, DEFAULT_SEED);
        assert_eq!(first.email, "customer-12583@example.com");
        assert_eq!(first.password.len(), 32);
        assert_eq!(first.password, credentials(&buyer, DEFAULT_SEED).password);
        assert_ne!(first.password, credentials(&buyer, "another").password);
        let other = credentials(&Buyer::OfInvoice("12583".into()), DEFAULT_SEED);
        assert_ne!(first.password, other.password);
    }
}
