//! Connecting: which version a server speaks is found out, within one deadline.

use super::failure::{of_initialize, of_sse};
use super::{Connection, Handler};
use crate::config::{Protocol, ServerConfig, Transport};
use crate::error::{ErrorKind, McpError};
use crate::pool::slot::Slot;
use crate::transport::http::Strict;
use crate::transport::sse::SseTransport;
use crate::transport::stdio::LastWords;
use crate::transport::{http as streamable, stdio};
use http::HeaderMap;
use rmcp::model::ProtocolVersion;
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::AuthClient;
use std::sync::Weak;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

/// Which versions a server was found to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Those that begin with `initialize`.
    Legacy,
    /// Those from 2026-07-28 on.
    Modern,
}

/// What is needed to connect.
pub(crate) struct Dial<'a> {
    pub(crate) config: &'a ServerConfig,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) http: &'a reqwest::Client,
    pub(crate) auth: Option<AuthClient<reqwest::Client>>,
    /// When the token among the headers must have been replaced.
    pub(crate) until: Option<std::time::Instant>,
    pub(crate) tracker: &'a TaskTracker,
    pub(crate) slot: Weak<Slot>,
    /// What was found out before.
    pub(crate) era: Option<Era>,
}

/// Connects.
pub(crate) async fn connect(dial: Dial<'_>) -> Result<Connection, McpError> {
    let config = dial.config;
    let end = Instant::now() + config.timeouts.connect;
    let handshake = ClientLifecycleMode::Initialize;
    let modern = vec![ProtocolVersion::LATEST];
    let old = matches!(config.transport, Transport::Sse(_)) || dial.era == Some(Era::Legacy);
    let (first, second) = match config.protocol {
        Protocol::Modern => (ClientLifecycleMode::Discover { preferred_versions: modern }, None),
        Protocol::Legacy => (handshake, None),
        Protocol::Auto if old => (handshake, None),
        Protocol::Auto => {
            let legacy_version = Some(ProtocolVersion::LATEST_WITH_INITIALIZE);
            (ClientLifecycleMode::Auto { preferred_versions: modern, legacy_version }, Some(handshake))
        }
    };
    // A server over HTTP that never answers the probe may still know the handshake. A child process may need all its
    // time to start, and gets the probe's answer or the handshake on one and the same connection.
    let over_http = !matches!(config.transport, Transport::Stdio(_));
    let first_end = if second.is_some() && over_http { end - config.timeouts.connect / 2 } else { end };
    let error = match attempt(&dial, first, first_end).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let Some(second) = second.filter(|_| error.kind != ErrorKind::Unauthorized) else {
        return Err(error);
    };
    tracing::debug!(
        server = config.id,
        error = &*error.detail,
        "the probe of an MCP server failed, the handshake is tried"
    );
    attempt(&dial, second, end.max(Instant::now() + Duration::from_millis(500))).await
}

async fn attempt(dial: &Dial<'_>, mode: ClientLifecycleMode, end: Instant) -> Result<Connection, McpError> {
    let server = &dial.config.id;
    let words = LastWords::default();
    let served = match timeout_at(end, serve(dial, mode, &words)).await {
        Ok(served) => served,
        Err(_) => Err(McpError::about(ErrorKind::Timeout, server, "not connected in time")),
    };
    let over_stdio = matches!(dial.config.transport, Transport::Stdio(_));
    let words = over_stdio.then_some(words);
    let served = match (served, &words) {
        (Ok(served), _) => served,
        (Err(error), Some(words)) => return Err(words.with(error).await),
        (Err(error), None) => return Err(error),
    };
    let modern = served.peer().peer_info().is_some_and(|info| !info.protocol_version.has_initialize());
    let era = if modern { Era::Modern } else { Era::Legacy };
    Ok(Connection::new(dial.config, served, era, dial.until, words))
}

type Served = RunningService<RoleClient, Handler>;

async fn serve(dial: &Dial<'_>, mode: ClientLifecycleMode, words: &LastWords) -> Result<Served, McpError> {
    let config = dial.config;
    let server = &config.id;
    let handler = Handler::new(dial.slot.clone(), server, config.apps, config.elicitation);
    let failed = |error: ClientInitializeError| of_initialize(server, error);
    match &config.transport {
        Transport::Http(url) => {
            let options = streamable::config(url, dial.headers);
            match dial.auth.clone() {
                Some(auth) => {
                    let transport = StreamableHttpClientTransport::with_client(Strict(auth), options);
                    handler.serve_with_lifecycle(transport, mode).await.map_err(failed)
                }
                None => {
                    let transport = StreamableHttpClientTransport::with_client(Strict(dial.http.clone()), options);
                    handler.serve_with_lifecycle(transport, mode).await.map_err(failed)
                }
            }
        }
        Transport::Sse(url) => {
            let opened = SseTransport::open(dial.http.clone(), url, dial.headers.clone(), dial.auth.clone()).await;
            let transport = opened.map_err(|error| of_sse(server, &error))?;
            handler.serve_with_lifecycle(transport, mode).await.map_err(failed)
        }
        Transport::Stdio(command) => {
            let (child, stderr) =
                stdio::spawn(command).map_err(|error| McpError::about(ErrorKind::Unreachable, server, error))?;
            if let Some(stderr) = stderr {
                dial.tracker.spawn(stdio::log_errors(server.clone(), stderr, words.clone()));
            }
            handler.serve_with_lifecycle(child, mode).await.map_err(|error| match failed(error) {
                // A pipe that broke, or one that ended: which of them is seen first is chance.
                error if matches!(error.kind, ErrorKind::Closed | ErrorKind::Unreachable) => {
                    McpError::about(ErrorKind::Closed, server, "the program ended before it was ready")
                }
                error => error,
            })
        }
    }
}
