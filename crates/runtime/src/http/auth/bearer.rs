//! Tokens that were given out by hand.

use super::{Authenticator, Denied, bearer_token, is_token};
use crate::limits;
use crate::principal::Principal;
use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use http::request::Parts;
use std::fmt;

/// A token shorter than this, in characters, can be guessed more easily than its owner thinks.
pub const TOKEN_SHORT: usize = 24;

/// Knows principals by their tokens.
///
/// ```
/// use copilotkit_runtime::Principal;
/// use copilotkit_runtime::http::auth::{Auth, Bearer};
///
/// let tokens = [("0f9c2b7d5a3e4816b2c7", Principal::new("alice"))];
/// let auth = Auth::new(Bearer::new(tokens)?);
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Bearer {
    /// Digests: the tokens themselves are not kept.
    tokens: Vec<(Digest, Principal)>,
}

/// Why a list of tokens is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BearerError {
    /// There is none, so nobody could come in.
    #[error("there is no token")]
    NoTokens,
    /// One of nothing.
    #[error("the token of `{0}` is empty")]
    Empty(String),
    /// Longer than is read.
    #[error("the token of `{0}` is longer than {max} bytes", max = limits::TOKEN_MAX)]
    Long(String),
    /// One that could not be sent.
    #[error("the token of `{0}` has characters that no token may have: spaces, line ends, quotes or others")]
    Characters(String),
    /// Two with the same token.
    #[error("`{0}` and `{1}` have the same token")]
    Same(String, String),
}

impl BearerError {
    /// Stable, snake case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoTokens => "bearer_no_tokens",
            Self::Empty(_) => "bearer_empty_token",
            Self::Long(_) => "bearer_long_token",
            Self::Characters(_) => "bearer_token_characters",
            Self::Same(..) => "bearer_same_token",
        }
    }
}

impl Bearer {
    /// A principal for each token. One principal may have several, so that one can be replaced while the other holds.
    ///
    /// # Errors
    /// No token, an empty one, one that cannot be sent, or the same one twice.
    pub fn new<T: AsRef<str>>(tokens: impl IntoIterator<Item = (T, Principal)>) -> Result<Self, BearerError> {
        let mut known: Vec<(Digest, Principal)> = Vec::new();
        for (token, principal) in tokens {
            let token = token.as_ref().as_bytes();
            let owner = principal.id().to_owned();
            if token.is_empty() {
                return Err(BearerError::Empty(owner));
            }
            if token.len() > limits::TOKEN_MAX {
                return Err(BearerError::Long(owner));
            }
            if !is_token(token) {
                return Err(BearerError::Characters(owner));
            }
            let digest = digest(&SHA256, token);
            if let Some((_, other)) = known.iter().find(|(known, _)| known.as_ref() == digest.as_ref()) {
                return Err(BearerError::Same(other.id().to_owned(), owner));
            }
            known.push((digest, principal));
        }
        if known.is_empty() {
            return Err(BearerError::NoTokens);
        }
        Ok(Self { tokens: known })
    }

    /// Looks at every token, so that the time it takes says nothing.
    fn find(&self, token: &str) -> Option<&Principal> {
        let digest = digest(&SHA256, token.as_bytes());
        self.tokens.iter().fold(None, |found, (known, principal)| {
            match verify_slices_are_equal(known.as_ref(), digest.as_ref()) {
                Ok(()) => Some(principal),
                Err(_) => found,
            }
        })
    }
}

#[async_trait]
impl Authenticator for Bearer {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, Denied> {
        let token = bearer_token(&request.headers)?;
        let unknown = || Denied::invalid("The token is not valid.").because("a token that is not in the list");
        self.find(token).cloned().ok_or_else(unknown)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("tokens", &self.tokens.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tokens: &[(&str, &str)]) -> Result<Bearer, &'static str> {
        let tokens = tokens.iter().map(|(token, id)| (*token, Principal::new(*id)));
        Bearer::new(tokens).map_err(|error| error.code())
    }

    #[test]
    fn each_token_is_its_principal_s() {
        let bearer = of(&[("a-1", "alice"), ("a-2", "alice"), ("b-1", "bob")]).unwrap();
        let id = |token| bearer.find(token).map(|principal| principal.id().to_owned());
        assert_eq!(id("a-1").as_deref(), Some("alice"));
        assert_eq!(id("a-2").as_deref(), Some("alice"));
        assert_eq!(id("b-1").as_deref(), Some("bob"));
        for unknown in ["", "a", "a-", "a-3", "A-1", "a-1 ", "a-11"] {
            assert_eq!(id(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn lists_that_would_let_in_nobody_or_the_wrong_one_are_refused() {
        let long = "x".repeat(limits::TOKEN_MAX + 1);
        for (tokens, code) in [
            (&[][..], "bearer_no_tokens"),
            (&[("", "alice")], "bearer_empty_token"),
            (&[("a b", "alice")], "bearer_token_characters"),
            (&[("abc\n", "alice")], "bearer_token_characters"),
            (&[(long.as_str(), "alice")], "bearer_long_token"),
            (&[("abc", "alice"), ("abc", "bob")], "bearer_same_token"),
            (&[("abc", "alice"), ("abc", "alice")], "bearer_same_token"),
        ] {
            assert_eq!(of(tokens).unwrap_err(), code);
        }
    }

    #[test]
    fn tokens_are_not_shown() {
        let text = format!("{:?}", of(&[("secret-token", "alice")]).unwrap());
        assert!(!text.contains("secret-token"), "{text}");
        let error = Bearer::new([("secret token", Principal::new("alice"))]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}
