//! What a key alone cannot do: tokens that expire, signatures over the request.

use copilotkit_runtime::model::ModelError;
use futures::future::BoxFuture;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

/// A request that has to be authorized.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// The body.
    pub body: &'a [u8],
}

/// Authorizes requests to a service: a source of tokens, a signature.
pub trait Authorize: Send + Sync + 'static {
    /// The headers to add. Mark values that are secret as sensitive: they are then taken out of what the service says.
    ///
    /// # Errors
    /// When no token can be had.
    fn authorize<'a>(
        &'a self,
        request: Unsigned<'a>,
    ) -> BoxFuture<'a, Result<Vec<(HeaderName, HeaderValue)>, ModelError>>;
}
