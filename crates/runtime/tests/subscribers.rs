//! Who follows a run, from wherever and however slowly, sees all of it once; and what that costs the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "bad_requests/harness.rs"]
#[allow(dead_code, reason = "shared with the tests of bad requests")]
mod harness;
mod subscribers {
    pub(crate) mod agents;
    pub(crate) mod counting;
    mod random;
    mod resume;
    mod sockets;
    mod tail;
}

/// Whether generated cases are run in full; a part of them else.
pub(crate) fn full() -> bool {
    std::env::var_os("COPILOTKIT_TEST_FULL").is_some()
}
