//! Speaking to one remote agent, in the version and binding that its card offers.
//!
//! ```no_run
//! # async fn run() -> Result<(), copilotkit_a2a::A2aError> {
//! use copilotkit_a2a::client::{A2aClient, Caller};
//! use copilotkit_a2a::types::{Message, Part, Role, SendMessageRequest};
//!
//! let client = A2aClient::builder("http://127.0.0.1:9001").build()?;
//! let message = Message::new("m-1", Role::User, vec![Part::text("Plan a day in Oslo")]);
//! let request = SendMessageRequest { message, ..SendMessageRequest::default() };
//! let mut events = client.stream(request, &Caller::default()).await?;
//! while let Some(event) = events.next().await {
//!     println!("{:?}", event?);
//! }
//! # Ok(())
//! # }
//! ```

mod auth;
mod events;
mod http_json;
mod transport;

pub use crate::card::{Dialect, KnownCard, spoken_interfaces};
pub use events::Events;

use crate::card::{CardCache, Policy};
use crate::error::A2aError;
use crate::limits;
use crate::types::{
    AgentCard, CancelTaskRequest, DeletePushRequest, GetPushRequest, GetTaskRequest, ListPushRequest, ListPushResponse,
    ListTasksRequest, ListTasksResponse, PushConfig, Reply, SendMessageRequest, SubscribeToTaskRequest, Task,
};
use crate::wire::{Call, ErrorKind};
use copilotkit_protocol::Json;
use copilotkit_runtime::Trace;
use copilotkit_runtime::agent::Pulse;
use copilotkit_runtime::client::{self, ClientOptions, StreamClient, Trust};
use copilotkit_runtime::headers::HeaderPolicy;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use transport::{Answer, Transport};

/// The beginning of every address of an A2UI extension.
pub(crate) const A2UI: &str = "https://a2ui.org/";

/// A client of one remote agent. Cheap to clone; clones share the card and the connections.
#[derive(Clone)]
pub struct A2aClient {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    cards: CardCache,
    shown: String,
    timeout: Duration,
}

/// The options of an [`A2aClient`].
#[derive(Clone, Debug)]
pub struct A2aClientBuilder {
    url: String,
    headers: HeaderMap,
    credentials: BTreeMap<String, SecretString>,
    forward: HeaderPolicy,
    allowed_origins: Vec<String>,
    idle_timeout: Duration,
    connect_timeout: Duration,
    timeout: Duration,
}

/// What an agent wants to know and is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingCredentials {
    /// The schemes of its card, for people.
    pub wanted: String,
    /// What to write into the configuration, in words.
    pub remedy: String,
}

/// For whom a call is made.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The headers of the request that the call is made for; those that the client's policy names go on.
    pub headers: Arc<HeaderMap>,
    /// Beaten while an answer comes.
    pub pulse: Pulse,
    /// Below which span the call is made.
    pub trace: Trace,
}

impl A2aClient {
    /// A client of the agent at `url`, the base of the agent or its card, with every option at its default.
    pub fn builder(url: impl Into<String>) -> A2aClientBuilder {
        A2aClientBuilder {
            url: url.into(),
            headers: HeaderMap::new(),
            credentials: BTreeMap::new(),
            forward: HeaderPolicy::None,
            allowed_origins: Vec::new(),
            idle_timeout: limits::IDLE,
            connect_timeout: limits::CONNECT,
            timeout: limits::TASK,
        }
    }

    /// The address as people may see it.
    pub fn url(&self) -> &str {
        &self.inner.shown
    }

    /// How long a task may take.
    pub fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// The card: fetched once for all callers, kept for as long as its server says, used on while it cannot be fetched again.
    ///
    /// # Errors
    /// No card, none that can be read, or none whose agent may and can be spoken to.
    pub async fn card(&self) -> Result<Arc<KnownCard>, A2aError> {
        self.inner.cards.get().await
    }

    /// The card that was fetched last, if there is one.
    pub fn kept_card(&self) -> Option<Arc<KnownCard>> {
        self.inner.cards.kept()
    }

    /// The longer card that the agent shows those whom it knows. It takes the place of the public one.
    ///
    /// # Errors
    /// An agent that has none, or does not know us.
    pub async fn extended_card(&self, caller: &Caller) -> Result<Arc<KnownCard>, A2aError> {
        let card: AgentCard = self.ask(Call::ExtendedCard, caller, limits::SMALL_CALL).await?;
        self.inner.cards.replace(card)
    }

    /// What a card requires of who asks, and neither a credential nor a header is there for; nothing where it will do, as
    /// far as that can be told beforehand.
    pub fn missing_credentials(&self, card: &AgentCard) -> Option<MissingCredentials> {
        let missing = self.inner.transport.proofs().missing(card);
        (!missing.is_empty())
            .then(|| MissingCredentials { wanted: auth::wanted(card), remedy: auth::to_write(&missing) })
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    /// An agent that cannot be reached or refuses. The message is never sent twice once a byte of it was written.
    pub async fn send(&self, request: SendMessageRequest, caller: &Caller) -> Result<Reply, A2aError> {
        self.ask(Call::Send(request), caller, self.inner.timeout).await
    }

    /// Sends a message; the answer comes as events.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn stream(&self, request: SendMessageRequest, caller: &Caller) -> Result<Events, A2aError> {
        self.follow(Call::Stream(request), caller).await
    }

    /// Sends a message and gives all that comes of it until the task is done, failed, or waits for somebody: over a stream
    /// where the agent streams, and by looking again where a connection is lost. Dropping the stream closes the connection
    /// and leaves the task alone.
    pub fn converse(
        &self,
        request: SendMessageRequest,
        caller: Caller,
    ) -> BoxStream<'static, Result<crate::types::Event, A2aError>> {
        Box::pin(crate::converse::converse(self.clone(), request, caller))
    }

    /// Shows a task, with the last `history_length` messages, or all of them.
    ///
    /// # Errors
    /// An unknown task, an agent that cannot be reached.
    pub async fn get_task(&self, id: &str, history_length: Option<u32>, caller: &Caller) -> Result<Task, A2aError> {
        let request = GetTaskRequest { id: id.to_owned(), history_length, ..GetTaskRequest::default() };
        self.ask(Call::Get(request), caller, limits::SMALL_CALL).await
    }

    /// Lists tasks. 1.0 alone.
    ///
    /// # Errors
    /// An agent of 0.3, or one that cannot be reached.
    pub async fn list_tasks(&self, request: ListTasksRequest, caller: &Caller) -> Result<ListTasksResponse, A2aError> {
        self.ask(Call::List(request), caller, limits::SMALL_CALL).await
    }

    /// Cancels a task.
    ///
    /// # Errors
    /// A task that is unknown or has ended, an agent that cannot be reached.
    pub async fn cancel_task(&self, id: &str, caller: &Caller) -> Result<Task, A2aError> {
        let request = CancelTaskRequest { id: id.to_owned(), ..CancelTaskRequest::default() };
        self.ask(Call::Cancel(request), caller, limits::SMALL_CALL).await
    }

    /// Follows a task that somebody started.
    ///
    /// # Errors
    /// A task that is unknown or has ended, an agent that cannot be reached.
    pub async fn subscribe(&self, id: &str, caller: &Caller) -> Result<Events, A2aError> {
        let request = SubscribeToTaskRequest { id: id.to_owned(), ..SubscribeToTaskRequest::default() };
        self.follow(Call::Subscribe(request), caller).await
    }

    /// Lets the agent send news of a task somewhere.
    ///
    /// # Errors
    /// An agent that sends none.
    pub async fn create_push(&self, config: PushConfig, caller: &Caller) -> Result<PushConfig, A2aError> {
        self.ask(Call::CreatePush(config), caller, limits::SMALL_CALL).await
    }

    /// Shows where the agent sends news of a task to.
    ///
    /// # Errors
    /// An unknown configuration.
    pub async fn get_push(&self, request: GetPushRequest, caller: &Caller) -> Result<PushConfig, A2aError> {
        self.ask(Call::GetPush(request), caller, limits::SMALL_CALL).await
    }

    /// Lists all places that the agent sends news of a task to.
    ///
    /// # Errors
    /// An unknown task.
    pub async fn list_push(&self, request: ListPushRequest, caller: &Caller) -> Result<ListPushResponse, A2aError> {
        self.ask(Call::ListPush(request), caller, limits::SMALL_CALL).await
    }

    /// Ends the news of a task.
    ///
    /// # Errors
    /// An unknown task.
    pub async fn delete_push(&self, request: DeletePushRequest, caller: &Caller) -> Result<(), A2aError> {
        self.ask::<Json>(Call::DeletePush(request), caller, limits::SMALL_CALL).await.map(|_| ())
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call, caller: &Caller, limit: Duration) -> Result<T, A2aError> {
        let asked = async {
            match self.call(call, caller).await? {
                Answer::Whole(json) => json
                    .read::<T>()
                    .map_err(|error| A2aError::BadAnswer { url: self.inner.shown.clone(), reason: error.to_string() }),
                Answer::Stream(_) => Err(A2aError::BadAnswer {
                    url: self.inner.shown.clone(),
                    reason: "an event stream, though none was asked for".to_owned(),
                }),
            }
        };
        let asked = caller.pulse.during(asked);
        tokio::time::timeout(limit, asked)
            .await
            .unwrap_or_else(|_| Err(A2aError::Timeout { url: self.inner.shown.clone(), limit }))
    }

    async fn follow(&self, call: Call, caller: &Caller) -> Result<Events, A2aError> {
        Ok(match self.call(call, caller).await? {
            Answer::Stream(events) => events.with_pulse(caller.pulse.clone()),
            Answer::Whole(json) => {
                let event = json.read().map_err(|error| A2aError::BadAnswer {
                    url: self.inner.shown.clone(),
                    reason: error.to_string(),
                })?;
                Events::whole(event)
            }
        })
    }

    /// One call. When the agent turns down the version, and its card offers another one, that is tried once: a refused
    /// call was not begun.
    async fn call(&self, mut call: Call, caller: &Caller) -> Result<Answer, A2aError> {
        let card = self.inner.cards.get().await?;
        let (first, others) = card
            .interfaces
            .split_first()
            .ok_or_else(|| A2aError::Interface { url: card.url.clone(), offered: "nothing".to_owned() })?;
        let answer = self.inner.transport.call(&card, first, &mut call, caller).await;
        let refused = answer.as_ref().err().and_then(A2aError::kind);
        let turned_down = matches!(refused, Some(ErrorKind::VersionNotSupported | ErrorKind::MethodNotFound));
        match others.iter().find(|(_, dialect)| dialect.version() != first.1.version()) {
            Some(other) if turned_down => {
                tracing::warn!(url = %self.inner.shown, version = %other.1.version(), "the agent turned the first version of its card down, trying the other");
                let answer = self.inner.transport.call(&card, other, &mut call, caller).await?;
                self.inner.cards.prefer_next_interface();
                Ok(answer)
            }
            _ => answer,
        }
    }
}

impl A2aClientBuilder {
    /// Adds a header to every request, that for the card included. It goes before a forwarded one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.append(name, value);
        self
    }

    /// A credential for a security scheme of the card, by the scheme's name: the key, the token, or `user:password`.
    #[must_use]
    pub fn credential(mut self, scheme: impl Into<String>, secret: SecretString) -> Self {
        self.credentials.insert(scheme.into(), secret);
        self
    }

    /// Which headers of the page's request are passed on; none by default. The card is fetched without them.
    #[must_use]
    pub fn forward(mut self, policy: HeaderPolicy) -> Self {
        self.forward = policy;
        self
    }

    /// Allows the card to point to another origin, like `https://rpc.example.com`. Credentials go there too.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed_origins.push(origin.into());
        self
    }

    /// The longest silence; default [`limits::IDLE`].
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// How long a connection may take; default [`limits::CONNECT`].
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long a task may take from the message to its end; default [`limits::TASK`].
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The client. Nothing is fetched yet.
    ///
    /// # Errors
    /// An address that is none, or a TLS stack that cannot be set up.
    pub fn build(self) -> Result<A2aClient, A2aError> {
        let mut url = client::check_url(&self.url, Trust::Configured)?;
        let mut headers = self.headers;
        auth::take_user(&mut url, &mut headers)?;
        for origin in &self.allowed_origins {
            let valid =
                url::Url::parse(origin).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !valid {
                let reason = format!("`{origin}` is not an origin: write it like https://rpc.example.com");
                return Err(A2aError::Config(reason));
            }
        }
        let options = ClientOptions { connect_timeout: self.connect_timeout, ..ClientOptions::default() };
        let (http, streams) = (client::build(&options)?, StreamClient::new(&options)?);
        let policy =
            Policy { url: url.clone(), allowed_origins: self.allowed_origins, extensions: vec![A2UI.to_owned()] };
        let shown = crate::card::shown(&url);
        let transport = Transport {
            http: http.clone(),
            streams,
            headers: headers.clone(),
            credentials: self.credentials,
            forward: self.forward,
            idle: self.idle_timeout,
            connect: self.connect_timeout,
        };
        let cards = CardCache::new(http, headers, policy);
        Ok(A2aClient { inner: Arc::new(Inner { transport, cards, shown, timeout: self.timeout }) })
    }
}

impl fmt::Debug for A2aClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("A2aClient").field("url", &self.inner.shown).finish_non_exhaustive()
    }
}
