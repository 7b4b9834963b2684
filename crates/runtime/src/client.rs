//! The one builder of outbound HTTP clients: timeouts, no redirects, no proxies that nobody asked for, and a guard for
//! addresses that a request can influence.
//!
//! ```
//! use copilotkit_runtime::client::{self, ClientOptions, Trust};
//!
//! let options = ClientOptions { trust: Trust::Untrusted, ..ClientOptions::default() };
//! let http = client::build(&options)?;
//! # let _ = http;
//! assert!(client::check_url("http://169.254.169.254/latest/meta-data", Trust::Untrusted).is_err());
//! # Ok::<(), client::ClientError>(())
//! ```

mod guard;
mod stream;
mod tls;

pub use guard::{GuardedResolver, is_public};
pub use stream::{StreamBody, StreamClient, StreamError, StreamResponse, Target};

use crate::limits;
use copilotkit_protocol::Code;
use reqwest::redirect::Policy;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// How long an idle connection is kept for the next request. Shorter than the minute after which common balancers
/// forget a connection without a word.
const POOL_IDLE: Duration = Duration::from_secs(55);
/// Idle connections that are kept for each host. More would only hold file descriptors.
const POOL_IDLE_PER_HOST: usize = 64;
/// Silence after which the system probes a connection: a peer that vanished must not hold a stream for ever.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
/// Who we say that we are.
const USER_AGENT: &str = concat!("copilotkit/", env!("CARGO_PKG_VERSION"));

/// Who chose the addresses that a client is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The operator, in the configuration: any address is fine, private networks included.
    #[default]
    Configured,
    /// A request, a model or a page can influence them: only public addresses are reached.
    Untrusted,
}

/// What a client is for.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How long a connection may take, the name lookup and the TLS handshake included.
    pub connect_timeout: Duration,
    /// The longest silence between two reads of an answer, the wait for its head included. `None` leaves it to the
    /// caller, who must then bound every read.
    pub read_timeout: Option<Duration>,
    /// Who chose the addresses.
    pub trust: Trust,
    /// Whether the proxies that the process environment names are used. Never for [`Trust::Untrusted`]: a proxy
    /// would look names up out of the guard's sight.
    pub environment_proxies: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: limits::AGENT_CONNECT,
            read_timeout: None,
            trust: Trust::Configured,
            environment_proxies: false,
        }
    }
}

/// Why a client cannot be built or an address is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The TLS stack or the system refused.
    #[error("the HTTP client cannot be set up: {0}")]
    Build(#[source] reqwest::Error),
    /// The TLS stack refused.
    #[error("the HTTP client cannot be set up: {0}")]
    Tls(#[source] rustls::Error),
    /// Not an absolute address.
    #[error("not an address: {}", why(*.0))]
    NotAnAddress(url::ParseError),
    /// Something else than `http` or `https`.
    #[error("only http and https addresses are reached, not {0}:")]
    Scheme(String),
    /// A loopback, private or otherwise special address, from a source that may not choose it.
    #[error("{0} is not a public address")]
    NotPublic(String),
}

impl ClientError {
    /// Stable, snake case.
    pub fn code(&self) -> Code {
        match self {
            Self::Build(_) | Self::Tls(_) => Code::ClientBuild,
            Self::NotAnAddress(_) => Code::ClientNotAnAddress,
            Self::Scheme(_) => Code::ClientScheme,
            Self::NotPublic(_) => Code::ClientNotPublic,
        }
    }
}

/// What is wrong with an address, for people.
pub fn why(error: url::ParseError) -> String {
    match error {
        url::ParseError::RelativeUrlWithoutBase => "http:// or https:// is missing in front".to_owned(),
        error => error.to_string(),
    }
}

/// Builds a client. It is cheap to clone and keeps its connections; build one for each purpose, not for each request.
///
/// With [`Trust::Untrusted`] names that resolve to special addresses cannot be reached; pass every address through
/// [`check_url`] as well, since a literal address is never looked up.
///
/// # Errors
/// When the TLS stack cannot be set up.
#[allow(clippy::disallowed_methods, reason = "this is the one client builder")]
pub fn build(options: &ClientOptions) -> Result<reqwest::Client, ClientError> {
    let mut tls = tls::config().map_err(ClientError::Tls)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST)
        .tcp_keepalive(TCP_KEEPALIVE)
        .tcp_nodelay(true);
    if let Some(timeout) = options.read_timeout {
        builder = builder.read_timeout(timeout);
    }
    let untrusted = options.trust == Trust::Untrusted;
    if untrusted || !options.environment_proxies {
        builder = builder.no_proxy();
    }
    if untrusted {
        builder = builder.dns_resolver(Arc::new(GuardedResolver::default()));
    }
    builder.build().map_err(ClientError::Build)
}

/// Reads an address and refuses what a client of this trust must not reach.
///
/// # Errors
/// Not absolute, another scheme than http or https, or, for [`Trust::Untrusted`], a literal address that is not public
/// or a name that can only mean this machine.
pub fn check_url(text: &str, trust: Trust) -> Result<Url, ClientError> {
    let url = Url::parse(text).map_err(ClientError::NotAnAddress)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ClientError::Scheme(url.scheme().to_owned()));
    }
    if trust == Trust::Untrusted {
        let public = match url.host() {
            Some(Host::Ipv4(ip)) => is_public(ip.into()),
            Some(Host::Ipv6(ip)) => is_public(ip.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                !name.eq_ignore_ascii_case("localhost") && !name.to_ascii_lowercase().ends_with(".localhost")
            }
            None => false,
        };
        if !public {
            return Err(ClientError::NotPublic(url.host_str().unwrap_or_default().to_owned()));
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_literal_special_addresses_in_every_spelling() {
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0/",
            "http://10.1.2.3:8080/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost:3000/",
        ] {
            let error = check_url(text, Trust::Untrusted).expect_err(text);
            assert_eq!(error.code(), "client_not_public", "{text}");
            assert!(check_url(text, Trust::Configured).is_ok(), "{text}");
        }
    }

    #[test]
    fn accepts_public_addresses_and_refuses_other_schemes() {
        for text in ["https://example.com/a?b", "http://8.8.8.8/", "https://[2606:4700::1111]/"] {
            assert!(check_url(text, Trust::Untrusted).is_ok(), "{text}");
        }
        for text in ["file:///etc/passwd", "ftp://example.com/", "gopher://example.com/"] {
            assert_eq!(check_url(text, Trust::Configured).expect_err(text).code(), "client_scheme");
        }
        assert_eq!(check_url("/relative", Trust::Configured).expect_err("relative").code(), "client_not_an_address");
    }

    #[tokio::test]
    async fn an_untrusted_client_does_not_reach_a_name_of_this_machine() {
        let client = build(&ClientOptions { trust: Trust::Untrusted, ..ClientOptions::default() }).expect("client");
        let error = client.get("http://localhost:9/").send().await.expect_err("must be refused");
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        assert!(text.contains("not a public address"), "{text}");
    }
}
