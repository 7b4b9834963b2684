//! Who asks: every route is closed without a token, tokens that are none are refused, and nobody sees what is another's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

mod auth {
    mod feed;
    mod files;
    mod forwarding;
    pub(crate) mod harness;
    mod hostile;
    mod rotation;
    mod routes;
    pub(crate) mod signing;
    mod threads;
}
