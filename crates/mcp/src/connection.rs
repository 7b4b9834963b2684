//! One connection to a server, shared by the runs that use it.

mod connect;
mod failure;
mod handler;

pub(crate) use connect::{Dial, Era, connect};
pub(crate) use handler::Handler;

use crate::config::ServerConfig;
use crate::elicit::Elicit;
use crate::error::{ErrorKind, McpError};
use crate::limits;
use crate::transport::stdio::LastWords;
use futures::FutureExt as _;
use handler::Shared;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientNotification, ClientRequest, ProtocolVersion, RequestId,
    ServerPeerInfo, ServerResult,
};
use rmcp::service::{Peer, PeerRequestOptions, RoleClient, RunningService};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// One connection to a server.
pub(crate) struct Connection {
    id: Arc<str>,
    peer: Peer<RoleClient>,
    /// Held so that the connection closes when nobody uses it any more.
    service: Mutex<Option<RunningService<RoleClient, Handler>>>,
    shared: Arc<Shared>,
    spoiled: AtomicBool,
    turns: Semaphore,
    /// The one call at a time where the transport does not tell which call a question belongs to.
    seat: Arc<Semaphore>,
    /// When its token must have been replaced.
    until: Option<std::time::Instant>,
    /// What a child said before it ended.
    words: Option<LastWords>,
    pub(crate) era: Era,
}

/// What one request may take, and who answers the questions that it leads to.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    /// The longest silence; `None` for no bound of its own.
    pub(crate) idle: Option<Duration>,
    /// The longest time.
    pub(crate) total: Duration,
    pub(crate) cancel: CancellationToken,
    pub(crate) elicit: Option<Arc<dyn Elicit>>,
}

impl Connection {
    fn new(
        config: &ServerConfig,
        service: RunningService<RoleClient, Handler>,
        era: Era,
        until: Option<std::time::Instant>,
        words: Option<LastWords>,
    ) -> Self {
        Self {
            id: Arc::from(config.id.as_str()),
            peer: service.peer().clone(),
            shared: Arc::clone(&service.service().shared),
            service: Mutex::new(Some(service)),
            spoiled: AtomicBool::new(false),
            turns: Semaphore::new(limits::CALLS_PER_SERVER),
            seat: Arc::new(Semaphore::new(1)),
            until,
            words,
            era,
        }
    }

    /// Whether the next request may use it.
    pub(crate) fn is_usable(&self) -> bool {
        let expired = self.until.is_some_and(|until| std::time::Instant::now() >= until);
        !expired && !self.spoiled.load(Ordering::Relaxed) && !self.peer.is_transport_closed()
    }

    /// The next request needs another connection; those that wait on this one may still be answered.
    pub(crate) fn spoil(&self) {
        self.spoiled.store(true, Ordering::Relaxed);
    }

    /// What the server said about itself.
    pub(crate) fn info(&self) -> Option<Arc<ServerPeerInfo>> {
        self.peer.peer_info()
    }

    /// True for 2026-07-28 and later, which have no session and no ping.
    pub(crate) fn is_modern(&self) -> bool {
        let version = self.info().map(|info| info.protocol_version.clone());
        version.is_some_and(|version: ProtocolVersion| !version.has_initialize())
    }

    /// The place of the one call at a time, see [`crate::pool::slot::Slot::seat`].
    pub(crate) fn seat(&self) -> &Arc<Semaphore> {
        &self.seat
    }

    /// Waits until a call on this connection waits for a person.
    pub(crate) async fn asks(&self) {
        self.shared.asks().await;
    }

    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Sends a request and waits for its answer. Giving up, by a deadline, by the run's end or by dropping the wait, is
    /// told to the server.
    pub(crate) async fn request(&self, request: ClientRequest, terms: &Terms) -> Result<ServerResult, McpError> {
        let about = |kind, detail: &str| McpError::about(kind, &self.id, detail);
        let turn = tokio::select! {
            biased;
            () = terms.cancel.cancelled() => return Err(about(ErrorKind::Cancelled, "before it began")),
            turn = tokio::time::timeout(limits::CALL_QUEUE, self.turns.acquire()) => turn,
        };
        let Ok(Ok(_turn)) = turn else { return Err(about(ErrorKind::Busy, "no turn in time")) };

        let began = Instant::now();
        let end = began + terms.total;
        // Before it is sent: a question may come at once.
        let watched = self.shared.watch(may_ask(&request), terms.elicit.clone());
        let sent = self.peer.send_cancellable_request(request, PeerRequestOptions::no_options());
        let handle = match tokio::time::timeout_at(end, sent).await {
            Ok(Ok(handle)) => handle,
            Ok(Err(error)) => return Err(self.failed(failure::of_service(&self.id, error))),
            Err(_) => return Err(self.failed(about(ErrorKind::Timeout, "the request could not be sent"))),
        };
        let mut abandoned = Abandoned { peer: &self.peer, id: Some(handle.id.clone()) };
        watched.sent(handle.id.clone(), handle.progress_token.clone());
        let answer = handle.await_response();
        tokio::pin!(answer);
        let mut end = end;
        let mut quiet = terms.idle.map_or(end, |idle| began + idle);
        let outcome = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer.map_err(|error| failure::of_service(&self.id, error)),
                () = terms.cancel.cancelled() => break Err(about(ErrorKind::Cancelled, "the run was stopped")),
                () = watched.progress() => {
                    quiet = terms.idle.map_or(end, |idle| Instant::now() + idle);
                }
                // A person takes the time that a person takes.
                () = sleep_until(quiet.min(end)), if watched.asks() => {
                    end = Instant::now() + terms.total;
                    quiet = terms.idle.map_or(end, |idle| Instant::now() + idle);
                }
                () = sleep_until(quiet.min(end)) => break Err(about(ErrorKind::Timeout, "no answer in time")),
            }
        };
        let was_answered =
            outcome.as_ref().err().is_none_or(|error| !matches!(error.kind, ErrorKind::Timeout | ErrorKind::Cancelled));
        if was_answered {
            abandoned.id = None;
        }
        match (outcome, &self.words) {
            (Err(error), Some(words)) if error.kind == ErrorKind::Closed => Err(self.failed(words.with(error).await)),
            (outcome, _) => outcome.map_err(|error| self.failed(error)),
        }
    }

    fn failed(&self, error: McpError) -> McpError {
        if error.spoils_connection() {
            self.spoil();
        }
        error
    }

    /// Ends the connection in good order, or after the deadline in any.
    pub(crate) async fn close(&self) {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut service) = service
            && let Err(error) = service.close_with_timeout(limits::CLOSE).await
        {
            tracing::debug!(server = &*self.id, %error, "a connection did not close in good order");
        }
    }
}

/// Whether a server may ask a person in the course of such a request. Lists, above all those that are made because the
/// server says that its tools changed, lead to no questions.
fn may_ask(request: &ClientRequest) -> bool {
    matches!(request, ClientRequest::CallToolRequest(_) | ClientRequest::ReadResourceRequest(_))
}

/// Tells the server that nobody waits for an answer any more.
struct Abandoned<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let notification = CancelledNotification::new(CancelledNotificationParam::new(
            Some(id),
            Some("nobody waits for the answer any more".to_owned()),
        ));
        // One poll puts it into the queue of the connection. When that is full the server will find out by itself.
        let _ = self.peer.send_notification(ClientNotification::CancelledNotification(notification)).now_or_never();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.id).field("era", &self.era).finish_non_exhaustive()
    }
}
