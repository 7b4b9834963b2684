//! What a server may ask of us, and tell us unasked.

use crate::elicit::{self, Elicit};
use crate::pool::slot::Slot;
use rmcp::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ErrorData, ExtensionCapabilities, FormElicitationCapability, Implementation, ProgressNotificationParam,
    ProgressToken, ProtocolVersion, RequestId, UrlElicitationCapability,
};
use rmcp::service::{InboundStreamOrigin, NotificationContext, RequestContext, RoleClient};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::sync::{Notify, watch};

/// The extension by which a client says that its pages can show the user interfaces of tools.
const UI_EXTENSION: &str = "io.modelcontextprotocol/ui";
/// The one kind of user interface that there is.
const UI_MIME: &str = "text/html;profile=mcp-app";

/// What a server is told whose question nobody can be asked, since it is not known whose call it belongs to.
const UNTIED: &str = "the question could not be tied to a call";

/// Our side of a connection.
#[derive(Clone)]
pub(crate) struct Handler {
    info: ClientConfig,
    pub(super) shared: Arc<Shared>,
}

/// What the handler and the calls on a connection share.
#[derive(Default)]
pub(crate) struct Shared {
    server: Arc<str>,
    slot: Weak<Slot>,
    calls: Mutex<Vec<Arc<Waiting>>>,
    /// Questions of the server that wait for a person, over all calls.
    open: watch::Sender<usize>,
}

/// A request that waits for its answer.
struct Waiting {
    /// Known once it was sent.
    sent: OnceLock<(RequestId, ProgressToken)>,
    progress: Notify,
    /// Whether a server may ask something in the course of it.
    may_ask: bool,
    elicit: Option<Arc<dyn Elicit>>,
    /// Questions of the server that wait for a person.
    questions: AtomicUsize,
}

impl Waiting {
    fn id(&self) -> Option<&RequestId> {
        self.sent.get().map(|(id, _)| id)
    }

    fn asks(&self) -> bool {
        self.questions.load(Ordering::Relaxed) > 0
    }
}

impl Handler {
    pub(crate) fn new(slot: Weak<Slot>, server: &str, apps: bool, elicitation: bool) -> Self {
        let mut capabilities = ClientCapabilities::default();
        if elicitation {
            let form = FormElicitationCapability::new().with_schema_validation(true);
            let both = ElicitationCapability::new().with_form(form).with_url(UrlElicitationCapability::new());
            capabilities.elicitation = Some(both);
        }
        if apps {
            let mut ui = rmcp::model::JsonObject::new();
            ui.insert("mimeTypes".to_owned(), serde_json::json!([UI_MIME]));
            let extensions: ExtensionCapabilities = [(UI_EXTENSION.to_owned(), ui)].into_iter().collect();
            capabilities.extensions = Some(extensions);
        }
        let us = Implementation::new("copilotkit", env!("CARGO_PKG_VERSION"));
        // The default is a version that has no handshake.
        let info = ClientConfig::new(capabilities, us).with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
        Self { info, shared: Arc::new(Shared { server: Arc::from(server), slot, ..Shared::default() }) }
    }
}

impl Shared {
    /// Ties a request that is about to be sent to what is told about it, until this is dropped.
    pub(super) fn watch(self: &Arc<Self>, may_ask: bool, elicit: Option<Arc<dyn Elicit>>) -> Watched {
        let waiting = Arc::new(Waiting {
            sent: OnceLock::new(),
            progress: Notify::new(),
            may_ask,
            elicit,
            questions: AtomicUsize::new(0),
        });
        self.calls().push(Arc::clone(&waiting));
        Watched { shared: Arc::clone(self), waiting }
    }

    /// Waits until a person is asked on this connection.
    pub(super) async fn asks(&self) {
        // It fails when the sender is gone, which is a part of this.
        let _ = self.open.subscribe().wait_for(|open| *open > 0).await;
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Arc<Waiting>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call that a question belongs to. Connections are shared by runs, and nobody else may see it: where the
    /// transport does not tell, it must be the only one that can have led to it.
    fn call_of(&self, context: &RequestContext<RoleClient>) -> Option<Arc<Waiting>> {
        let calls = self.calls();
        let only = |may: &dyn Fn(&Waiting) -> bool| {
            let mut those = calls.iter().filter(|waiting| may(waiting));
            those.next().filter(|_| those.next().is_none()).cloned()
        };
        match context.extensions.get::<InboundStreamOrigin>() {
            Some(InboundStreamOrigin::OutboundRequest(id)) => {
                let known = calls.iter().find(|waiting| waiting.id() == Some(id)).cloned();
                // The question may be faster than the news that the call was sent.
                known.or_else(|| only(&|waiting| waiting.may_ask && waiting.id().is_none()))
            }
            _ => only(&|waiting| waiting.may_ask)
                // Tools ask one thing at a time: who waits for a person does not ask.
                .or_else(|| only(&|waiting| waiting.may_ask && !waiting.asks())),
        }
    }
}

/// What is told about one request until its answer comes.
pub(super) struct Watched {
    shared: Arc<Shared>,
    waiting: Arc<Waiting>,
}

impl Watched {
    /// It was sent, under this id.
    pub(super) fn sent(&self, id: RequestId, token: ProgressToken) {
        // It is sent once.
        let _ = self.waiting.sent.set((id, token));
    }

    /// The server has made progress.
    pub(super) async fn progress(&self) {
        self.waiting.progress.notified().await;
    }

    /// True while a person is asked.
    pub(super) fn asks(&self) -> bool {
        self.waiting.asks()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared.calls().retain(|waiting| !Arc::ptr_eq(waiting, &self.waiting));
    }
}

struct Asking<'a> {
    shared: &'a Shared,
    waiting: &'a Waiting,
}

impl<'a> Asking<'a> {
    fn begin(shared: &'a Shared, waiting: &'a Waiting) -> Self {
        waiting.questions.fetch_add(1, Ordering::Relaxed);
        shared.open.send_modify(|open| *open += 1);
        Self { shared, waiting }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.waiting.questions.fetch_sub(1, Ordering::Relaxed);
        self.shared.open.send_modify(|open| *open = open.saturating_sub(1));
        // The clock of the call starts anew.
        self.waiting.progress.notify_one();
    }
}

impl ClientHandler for Handler {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let shared = &*self.shared;
        let Some(waiting) = shared.call_of(&context) else {
            // Nobody was asked, so nobody declined.
            tracing::warn!(server = &*shared.server, "a question of an MCP server could not be tied to a call");
            return Err(ErrorData::internal_error(UNTIED, None));
        };
        let Some(elicit) = &waiting.elicit else { return Ok(ElicitResult::new(ElicitationAction::Decline)) };
        let _asking = Asking::begin(shared, &waiting);
        tokio::select! {
            biased;
            answer = elicit::ask(elicit.as_ref(), &shared.server, request) => Ok(answer),
            // The server does not wait for it any more, and its call may ask something else.
            () = context.ct.cancelled() => Ok(ElicitResult::new(ElicitationAction::Cancel)),
        }
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let token = &params.progress_token;
        for waiting in
            self.shared.calls().iter().filter(|waiting| waiting.sent.get().is_some_and(|sent| sent.1 == *token))
        {
            waiting.progress.notify_one();
        }
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        if let Some(slot) = self.shared.slot.upgrade() {
            slot.list_changed();
        }
    }

    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }
}
