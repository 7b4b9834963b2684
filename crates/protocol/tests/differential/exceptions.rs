//! Where this crate and a published client disagree on purpose, or cannot agree.

use super::Way;
use super::case::{Answer, Case};

/// One kind of disagreement.
pub(crate) struct Exception {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) holds: fn(Way, &Case, &Answer, &Answer) -> bool,
}

pub(crate) const EXCEPTIONS: &[Exception] = &[];
