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
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Notify;

/// The extension by which a client says that its pages can show the user interfaces of tools.
const UI_EXTENSION: &str = "io.modelcontextprotocol/ui";
/// The one kind of user interface that there is.
const UI_MIME: &str = "text/html;profile=mcp-app";

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
    calls: Mutex<HashMap<RequestId, Arc<Waiting>>>,
}

/// A call that waits for its answer.
struct Waiting {
    token: ProgressToken,
    progress: Notify,
    elicit: Option<Arc<dyn Elicit>>,
    /// Questions of the server that wait for a person.
    questions: AtomicUsize,
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
    /// Ties a request that was sent to what is told about it, until the answer is dropped.
    pub(super) fn watch(
        self: &Arc<Self>,
        id: RequestId,
        token: ProgressToken,
        elicit: Option<Arc<dyn Elicit>>,
    ) -> Watched {
        let waiting = Arc::new(Waiting { token, progress: Notify::new(), elicit, questions: AtomicUsize::new(0) });
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), Arc::clone(&waiting));
        Watched { shared: Arc::clone(self), id, waiting }
    }

    /// The call that a question belongs to. Connections are shared by runs, and nobody else may see it: where the
    /// transport does not tell, it must be the only one.
    fn call_of(&self, context: &RequestContext<RoleClient>) -> Option<Arc<Waiting>> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match context.extensions.get::<InboundStreamOrigin>() {
            Some(InboundStreamOrigin::OutboundRequest(id)) => calls.get(id).cloned(),
            _ if calls.len() == 1 => calls.values().next().cloned(),
            _ => None,
        }
    }
}

/// What is told about one request until its answer comes.
pub(super) struct Watched {
    shared: Arc<Shared>,
    id: RequestId,
    waiting: Arc<Waiting>,
}

impl Watched {
    /// The server has made progress.
    pub(super) async fn progress(&self) {
        self.waiting.progress.notified().await;
    }

    /// True while a person is asked.
    pub(super) fn asks(&self) -> bool {
        self.waiting.questions.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

struct Asking<'a>(&'a Waiting);

impl<'a> Asking<'a> {
    fn begin(waiting: &'a Waiting) -> Self {
        waiting.questions.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.questions.fetch_sub(1, Ordering::Relaxed);
        // The clock of the call starts anew.
        self.0.progress.notify_one();
    }
}

impl ClientHandler for Handler {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let Some(waiting) = self.shared.call_of(&context) else {
            tracing::info!(server = &*self.shared.server, "a question that belongs to no call was declined");
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        let Some(elicit) = &waiting.elicit else { return Ok(ElicitResult::new(ElicitationAction::Decline)) };
        let _asking = Asking::begin(&waiting);
        Ok(elicit::ask(elicit.as_ref(), &self.shared.server, request).await)
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let calls = self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner);
        for waiting in calls.values().filter(|waiting| waiting.token == params.progress_token) {
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
