//! What the system tests share: where the repository lies, and the stack under test.
