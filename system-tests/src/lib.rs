//! What the system tests share: the targets that any bytes are thrown at.

pub mod targets;
