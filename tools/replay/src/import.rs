//! The administrator's part: products and their stock, in chunks that are received once however often sent.

use std::collections::HashMap;

use anyhow::Context;
use contracts::ProductId;
use sha2::{Digest, Sha256};

use crate::client::{ImportRow, LARGEST_IMPORT, Session};
use crate::progress::Progress;
use crate::sales::Product;

/// Imports every product; the ids are in the products' order.
pub async fn run(
    administrator: &Session,
    products: &[Product],
    progress: &Progress,
) -> anyhow::Result<Vec<ProductId>> {
    let mut ids = HashMap::new();
    for chunk in products.chunks(LARGEST_IMPORT) {
        let rows: Vec<ImportRow> = chunk.iter().map(row).collect();
        let imported = administrator
            .import_products(&rows, &idempotency_key(&rows))
            .await
            .context("cannot import the products")?;
        ids.extend(imported.into_iter().map(|row| (row.sku, row.product_id)));
        progress.advance(chunk.len());
    }
    products
        .iter()
        .map(|product| ids.get(&product.sku).copied())
        .collect::<Option<_>>()
        .context("the answer to the import leaves out a product")
}

fn row(product: &Product) -> ImportRow {
    ImportRow {
        sku: product.sku.clone(),
        name: product.name.clone(),
        price: product.price,
        stock_controlled: product.stock_controlled,
        received: if product.stock_controlled { product.sold } else { 0 },
    }
}

/// The key follows from the rows: the same file is received once, and another file is another import.
fn idempotency_key(rows: &[ImportRow]) -> String {
    let content = serde_json::to_vec(rows).expect("invariant: rows are plain data");
    let digest = hex::encode(Sha256::digest(content));
    format!("replay-import-{}", &digest[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price;

    fn product(sold: u64) -> Product {
        Product {
            sku: "22728@375".into(),
            name: "CLOCK".into(),
            price: price::parse("3.75").unwrap(),
            stock_controlled: true,
            sold,
        }
    }

    #[test]
    fn the_key_follows_from_the_rows() {
        let key = idempotency_key(&[row(&product(24))]);
        assert_eq!(key, idempotency_key(&[row(&product(24))]));
        assert_ne!(key, idempotency_key(&[row(&product(25))]));
        assert!(key.starts_with("replay-import-") && key.len() == 46, "{key}");
    }

    #[test]
    fn what_lies_on_no_shelf_is_not_received() {
        let postage = Product { stock_controlled: false, ..product(24) };
        assert_eq!(row(&product(24)).received, 24);
        assert_eq!(row(&postage).received, 0);
    }
}
