//! A server with scripted agents on a port of its own, and a client of few words.

use bytes::Bytes;
use copilotkit_protocol::{Event, Json, RunFinished, RunStarted, StateSnapshot, TextMessageContent, TextMessageStart};
use copilotkit_runtime::agent::{AgentError, EventStream, RunContext};
use copilotkit_runtime::counters::Counters;
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use copilotkit_runtime::{Agent, AgentRegistry, Emitted, Lifecycle, LifecycleOptions, Registered};
use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What an agent does.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// Nothing, for ever.
    Silent,
    /// A short word every 20 ms, for ever.
    Ticks,
    /// Large deltas as fast as they are taken.
    Flood,
    /// One delta of so many bytes, and the end.
    Delta(usize),
    /// A state of so many levels and bytes, built in the process, and the end.
    Snapshot {
        levels: usize,
        bytes: usize,
    },
    /// The same as bytes, as they come from a remote agent.
    RawSnapshot {
        levels: usize,
        bytes: usize,
    },
    /// So many deltas of so many bytes, and the end.
    Many {
        events: usize,
        bytes: usize,
    },
    Fails(&'static str),
    Panics,
    /// No terminal event.
    Ends,
}

fn delta(bytes: usize) -> Event {
    TextMessageContent { message_id: "m".into(), delta: "x".repeat(bytes), ..Default::default() }.into()
}

/// `levels` of arrays around a text of `bytes`.
pub(crate) fn nested(levels: usize, bytes: usize) -> String {
    format!("{}\"{}\"{}", "[".repeat(levels), "x".repeat(bytes), "]".repeat(levels))
}

impl Agent for Script {
    fn run(&self, context: RunContext) -> EventStream {
        let ids = || (context.input.thread_id.clone(), context.input.run_id.clone());
        let ((thread_id, run_id), open) = (ids(), TextMessageStart { message_id: "m".into(), ..Default::default() });
        let began = vec![RunStarted { thread_id, run_id, ..Default::default() }.into(), open.into()];
        let (thread_id, run_id) = ids();
        let end: Event = RunFinished { thread_id, run_id, ..Default::default() }.into();
        let ready = |events: Vec<Event>| stream::iter(events).map(|event| Ok(Emitted::from(event)));
        match self.clone() {
            Self::Silent => stream::pending().boxed(),
            Self::Ticks => ready(began)
                .chain(stream::repeat(()).then(|()| async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok(delta(1).into())
                }))
                .boxed(),
            Self::Flood => ready(began).chain(stream::repeat_with(|| Ok(delta(60_000).into()))).boxed(),
            Self::Delta(bytes) => ready([began, vec![delta(bytes), end]].concat()).boxed(),
            Self::Snapshot { levels, bytes } => {
                let snapshot = Json::parse(nested(levels, bytes)).unwrap();
                ready([began, vec![StateSnapshot { snapshot, ..Default::default() }.into(), end]].concat()).boxed()
            }
            Self::RawSnapshot { levels, bytes } => {
                let text = format!(r#"{{"type":"STATE_SNAPSHOT","snapshot":{}}}"#, nested(levels, bytes));
                let read = Emitted::from_json(Bytes::from(text));
                let event = read.map_err(|error| AgentError::failed(error.to_string()));
                ready(began).chain(stream::iter([event])).chain(ready(vec![end])).boxed()
            }
            Self::Many { events, bytes } => ready([began, vec![delta(bytes); events], vec![end]].concat()).boxed(),
            Self::Fails(code) => ready(began).chain(stream::iter([Err(AgentError::new(code, "no"))])).boxed(),
            #[allow(clippy::panic, reason = "that is what it does")]
            Self::Panics => panic!("an agent of a test"),
            Self::Ends => ready(began).boxed(),
        }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) lifecycle: Lifecycle,
    _tasks: JoinSet<()>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() }
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl Server {
    pub(crate) async fn default() -> Self {
        Self::scripted(Script::Silent, LifecycleOptions::default()).await
    }

    /// With one agent more, called `scripted`.
    pub(crate) async fn scripted(script: Script, lifecycle: LifecycleOptions) -> Self {
        Self::with(
            vec![Registered::new("scripted", script)],
            lifecycle,
            SurfaceOptions::default(),
            ServeOptions::default(),
        )
        .await
    }

    /// With the agents `silent` and `flood`.
    pub(crate) async fn start(lifecycle: LifecycleOptions, surface: SurfaceOptions, serving: ServeOptions) -> Self {
        let agents = vec![Registered::new("silent", Script::Silent), Registered::new("flood", Script::Flood)];
        Self::with(agents, lifecycle, surface, serving).await
    }

    pub(crate) async fn with(
        agents: Vec<Registered>,
        options: LifecycleOptions,
        surface: SurfaceOptions,
        serving: ServeOptions,
    ) -> Self {
        let lifecycle = Lifecycle::new(Arc::new(AgentRegistry::new(agents)), options);
        let serving = ServeOptions { counters: lifecycle.counters().clone(), ..serving };
        let surface = Surface::new(lifecycle.clone(), surface);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, surface, serving, std::future::pending(), async {}));
        Self { address, lifecycle, _tasks: tasks }
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.lifecycle.counters().clone()
    }

    pub(crate) async fn connect(&self, text: &[u8]) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(text).await.unwrap();
        socket
    }

    /// Everything that comes until the server closes the connection.
    pub(crate) async fn rest(&self, mut socket: TcpStream) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut bytes)).await;
        read.expect("the server closes the connection").unwrap();
        // Protobuf is no text: such bodies are not looked at.
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A request and its answer.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let host = if path.starts_with('/') { "host: localhost\r\n" } else { "" };
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{host}{headers}content-length: {length}\r\n\r\n");
        Answer::of(&self.rest(self.connect((head + body).as_bytes()).await).await)
    }

    /// A request of `length` bytes of which only `body` is sent.
    pub(crate) async fn open(&self, path: &str, length: usize, body: &str) -> TcpStream {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.connect(head.as_bytes()).await
    }

    /// A run that was begun; its stream is not read.
    pub(crate) async fn open_run(&self, agent: &str, thread: &str) -> TcpStream {
        let body = input(thread);
        let mut socket = self.open(&format!("/copilotkit/agent/{agent}/run"), body.len(), &body).await;
        let mut status = [0; 15];
        socket.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200 OK");
        socket
    }

    /// The whole text of a run.
    pub(crate) async fn run(&self, agent: &str, thread: &str) -> String {
        let socket = self.open_run(agent, thread).await;
        self.rest(socket).await
    }
}

/// The input of a run on a thread.
pub(crate) fn input(thread: &str) -> String {
    json!({ "threadId": thread, "runId": "r", "messages": [] }).to_string()
}
