//! Who asks: each request is given a [`Principal`], or is refused.
//!
//! [`Bearer`] knows a list of tokens, [`Jwt`] checks signed ones, and anything else is a function of yours:
//!
//! ```
//! use copilotkit_runtime::Principal;
//! use copilotkit_runtime::http::SurfaceOptions;
//! use copilotkit_runtime::http::auth::{Auth, Denied};
//! use http::header::COOKIE;
//!
//! /// Your own code: whose session it is, if it is one.
//! async fn user_of(session: &str) -> Option<String> {
//!     (session == "s3cr3t").then(|| "alice".to_owned())
//! }
//!
//! let auth = Auth::from_fn(|request| async move {
//!     let cookies = request.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
//!     let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session="));
//!     let user = user_of(session.ok_or_else(Denied::missing)?).await;
//!     user.map(Principal::new).ok_or_else(|| Denied::invalid("The session has ended. Sign in again."))
//! })
//! // Proves who somebody is, so no agent gets to see it unless its `forward_headers` names it.
//! .credentials([COOKIE]);
//! let options = SurfaceOptions { auth: Some(auth), ..SurfaceOptions::default() };
//! # let _ = options;
//! ```
//!
//! A layer of yours that ran before may have left what it knows in the request's extensions; such a function reads it
//! there.

mod bearer;
#[cfg(feature = "jwt")]
mod jwt;

pub use bearer::{Bearer, BearerError, TOKEN_SHORT};
#[cfg(feature = "jwt")]
pub use jwt::{Jwt, JwtError, JwtKeyOptions, JwtRules};

use super::answer::Refusal;
use super::router::Route;
use crate::limits;
use crate::principal::Principal;
use async_trait::async_trait;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Finds out who asks.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The principal behind a request. It has [`limits::AUTH`] for its answer.
    ///
    /// # Errors
    /// Why the request is refused.
    async fn authenticate(&self, request: &Parts) -> Result<Principal, Denied>;
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    kind: Kind,
    /// For the caller.
    description: Cow<'static, str>,
    /// For the log.
    reason: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Invalid,
    Forbidden,
    Unavailable,
}

impl Denied {
    /// Nothing in the request says who asks: 401 `unauthenticated`.
    pub fn missing() -> Self {
        Self {
            kind: Kind::Missing,
            description: "This server wants to know who asks. Send a token in the Authorization header: Bearer TOKEN."
                .into(),
            reason: "no credentials".into(),
        }
    }

    /// What the request says about who asks does not hold: 401 `invalid_token`. The caller sees `description`.
    pub fn invalid(description: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Kind::Invalid, description)
    }

    /// It is known who asks, and this server is not for them: 403 `forbidden`. The caller sees `description`.
    pub fn forbidden(description: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Kind::Forbidden, description)
    }

    /// It cannot be found out now who asks: 503 `auth_unavailable`. The same request may be taken later.
    pub fn unavailable() -> Self {
        Self::of(Kind::Unavailable, "It cannot be found out now who asks. Try again in a moment.")
    }

    /// What the log says, and the caller does not see. Never a token.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    fn of(kind: Kind, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        Self { kind, reason: description.clone(), description }
    }

    /// Stable, snake case.
    pub fn code(&self) -> &'static str {
        match self.kind {
            Kind::Missing => "unauthenticated",
            Kind::Invalid => "invalid_token",
            Kind::Forbidden => "forbidden",
            Kind::Unavailable => "auth_unavailable",
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

impl std::error::Error for Denied {}

/// How a server finds out who asks, and which headers it learns that from.
#[derive(Clone)]
pub struct Auth {
    authenticator: Arc<dyn Authenticator>,
    credentials: Arc<[HeaderName]>,
}

impl Auth {
    /// By an authenticator. Its credentials are taken to be in `authorization` or `cookie`.
    pub fn new(authenticator: impl Authenticator) -> Self {
        Self { authenticator: Arc::new(authenticator), credentials: [AUTHORIZATION, COOKIE].into() }
    }

    /// By a function.
    pub fn from_fn<F, A>(find: F) -> Self
    where
        F: Fn(Parts) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Principal, Denied>> + Send + 'static,
    {
        Self::new(Function(find))
    }

    /// Which headers prove who asks. They are not passed on to any agent or tool, unless its list of headers names them.
    #[must_use]
    pub fn credentials(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.credentials = headers.into_iter().collect();
        self
    }

    /// The principal of a request; its credentials are sealed.
    pub(super) async fn admit(&self, parts: &mut Parts) -> Result<Principal, Refusal> {
        let found = tokio::time::timeout(limits::AUTH, self.authenticator.authenticate(parts)).await;
        seal(&mut parts.headers, &self.credentials);
        match found.unwrap_or_else(|_| Err(Denied::unavailable().because("the authenticator took too long"))) {
            Ok(principal) => Ok(principal),
            Err(denied) => {
                let (method, path) = (&parts.method, parts.uri.path());
                let (code, reason) = (denied.code(), &*denied.reason);
                match denied.kind {
                    // A page that has no token yet, or somebody who only looks.
                    Kind::Missing => tracing::debug!(%method, path, code, reason, "a request was refused"),
                    _ => tracing::warn!(%method, path, code, reason, "a request was refused"),
                }
                Err(denied.into())
            }
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

struct Function<F>(F);

#[async_trait]
impl<F, A> Authenticator for Function<F>
where
    F: Fn(Parts) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Principal, Denied>> + Send + 'static,
{
    async fn authenticate(&self, request: &Parts) -> Result<Principal, Denied> {
        (self.0)(request.clone()).await
    }
}

/// Marks credentials, so that they are neither printed nor passed on by default.
fn seal(headers: &mut HeaderMap, credentials: &[HeaderName]) {
    for (name, value) in headers.iter_mut() {
        if credentials.contains(name) {
            value.set_sensitive(true);
        }
    }
}

/// Refuses a principal that lacks the scope of a route.
pub(super) fn authorise(route: &Route, principal: &Principal) -> Result<(), Refusal> {
    let Some(scope) = route.scope.filter(|scope| !principal.has_scope(scope)) else { return Ok(()) };
    tracing::warn!(route = ?route.id, scope, %principal, code = "insufficient_scope", "a request was refused");
    let message = format!("This needs the scope {scope}, which the token does not have.");
    let challenge = challenge(Some("insufficient_scope"), &message, Some(scope));
    Err(challenged(StatusCode::FORBIDDEN, "Forbidden", "insufficient_scope", &message, challenge))
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let (code, message) = (denied.code(), &*denied.description);
        match denied.kind {
            Kind::Missing => {
                // RFC 6750, 3.1: a request that knows nothing of tokens gets no error code.
                let challenge = challenge(None, "", None);
                challenged(StatusCode::UNAUTHORIZED, "Unauthorized", code, message, challenge)
            }
            Kind::Invalid => {
                let challenge = challenge(Some("invalid_token"), message, None);
                challenged(StatusCode::UNAUTHORIZED, "Unauthorized", code, message, challenge)
            }
            Kind::Forbidden => {
                let body = json!({ "error": "Forbidden", "code": code, "message": message });
                Self::new(StatusCode::FORBIDDEN, body)
            }
            Kind::Unavailable => {
                Self::busy(json!({ "error": "Authentication unavailable", "code": code, "message": message }))
            }
        }
    }
}

/// A refusal that says what would help.
fn challenged(status: StatusCode, error: &str, code: &str, message: &str, challenge: HeaderValue) -> Refusal {
    let body = json!({ "error": error, "code": code, "message": message });
    Refusal::new(status, body).with(WWW_AUTHENTICATE, challenge)
}

/// The value of `WWW-Authenticate`.
fn challenge(error: Option<&str>, description: &str, scope: Option<&str>) -> HeaderValue {
    let mut text = "Bearer realm=\"copilotkit\"".to_owned();
    if let Some(error) = error {
        // RFC 6750, 3: printable ASCII without quotes and backslashes.
        let allowed = |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
        let description: String = description.chars().filter(allowed).collect();
        text.push_str(&format!(", error=\"{error}\", error_description=\"{description}\""));
    }
    if let Some(scope) = scope {
        text.push_str(&format!(", scope=\"{scope}\""));
    }
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer realm=\"copilotkit\""))
}

/// The token of `Authorization: Bearer TOKEN`.
///
/// # Errors
/// No such header, another scheme, two of them, or something that is no token.
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, Denied> {
    let malformed = |reason: &'static str| Denied::invalid("The Authorization header is malformed.").because(reason);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(Denied::missing()) };
    if values.next().is_some() {
        return Err(malformed("two Authorization headers"));
    }
    let value = value.as_bytes();
    let (scheme, rest) = match value.iter().position(|byte| *byte == b' ') {
        Some(end) => value.split_at(end),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Denied::missing().because("another scheme than Bearer"));
    }
    let token = rest.trim_ascii_start();
    if token.len() > limits::TOKEN_MAX {
        return Err(malformed("a token that is too long"));
    }
    if !is_token(token) {
        return Err(malformed("no token, or one with characters that none may have"));
    }
    std::str::from_utf8(token).map_err(|_| malformed("a token that is no text"))
}

/// The characters of a bearer token as RFC 6750, 2.1 has them.
fn is_token(token: &[u8]) -> bool {
    let end = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    end > 0 && token.iter().take(end).all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(values: &[&str]) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        bearer_token(&headers).map(str::to_owned).map_err(|denied| denied.code())
    }

    #[test]
    fn a_token_is_read_as_the_specification_has_it() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(token(&[value]).unwrap(), "abc", "{value}");
        }
        assert_eq!(token(&["Bearer aZ09-._~+/=="]).unwrap(), "aZ09-._~+/==");
        for values in [&[][..], &["abc"], &["Basic abc"], &["Bearerabc"], &["Bearer\tabc"], &[""], &[" Bearer abc"]] {
            assert_eq!(token(values), Err("unauthenticated"), "{values:?}");
        }
        let long = format!("Bearer {}", "a".repeat(limits::TOKEN_MAX + 1));
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer abc "],
            &["Bearer ="],
            &["Bearer a=b"],
            &["Bearer é"],
            &["Bearer \"abc\""],
            &["Bearer a,b"],
            &["Bearer abc", "Bearer abc"],
            &["Bearer abc", "Basic abc"],
            &[long.as_str()],
        ] {
            assert_eq!(token(values), Err("invalid_token"), "{values:?}");
        }
    }

    #[test]
    fn a_challenge_is_one_header_whatever_the_description() {
        let value = challenge(Some("invalid_token"), "a \"b\"\r\nset-cookie: c\\ é", None);
        let expected = "Bearer realm=\"copilotkit\", error=\"invalid_token\", error_description=\"a bset-cookie: c \"";
        assert_eq!(value, expected);
        assert_eq!(challenge(None, "x", None), "Bearer realm=\"copilotkit\"");
    }

    #[test]
    fn a_route_asks_for_its_scope() {
        let route = |scope| Route { id: crate::http::RouteId::Info, suffix: &["info"], allow: "GET", scope };
        let with = |scopes: &[&str]| Principal::new("a").with_scopes(scopes.iter().map(|scope| (*scope).to_owned()));
        assert!(authorise(&route(None), &with(&[])).is_ok());
        assert!(authorise(&route(Some("debug")), &with(&["threads:admin", "debug"])).is_ok());
        for scopes in [&[][..], &["threads:admin"], &["DEBUG"], &["debug "], &["debug threads:admin"]] {
            let response = authorise(&route(Some("debug")), &with(scopes)).unwrap_err().into_response();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{scopes:?}");
            let expected = "Bearer realm=\"copilotkit\", error=\"insufficient_scope\", error_description=\"This needs the \
                            scope debug, which the token does not have.\", scope=\"debug\"";
            assert_eq!(response.headers()["www-authenticate"], expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_authenticator_that_hangs_lets_nobody_in() {
        let auth = Auth::from_fn(|_| std::future::pending());
        let (mut parts, ()) = http::Request::new(()).into_parts();
        assert_eq!(auth.admit(&mut parts).await.unwrap_err().code(), "auth_unavailable");
    }

    #[tokio::test]
    async fn credentials_are_sealed_and_nothing_else() {
        let auth = Auth::from_fn(|_| async { Ok(Principal::new("a")) }).credentials([HeaderName::from_static("x-key")]);
        let request = http::Request::builder().header("x-key", "k").header("x-key", "l").header("x-other", "o");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        auth.admit(&mut parts).await.unwrap();
        let sealed: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.is_sensitive())).collect();
        assert_eq!(sealed, [("x-key", true), ("x-key", true), ("x-other", false)]);
        assert!(!format!("{:?}", parts.headers).contains("\"k\""));
    }
}
