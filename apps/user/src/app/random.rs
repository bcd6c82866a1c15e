//! Random bits for tokens that nobody may guess.

/// # Errors
/// When the system gives none.
pub fn bits() -> anyhow::Result<[u8; 32]> {
    let mut bits = [0; 32];
    aws_lc_rs::rand::fill(&mut bits).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(bits)
}
