//! The servers of a scenario, and what they are asked.

use super::client::{Client, Expect};
use super::driver::Bench;
use super::frames::{Dialect, conversation, input, post};
use super::server;
use super::target::Target;
use super::upstream::{Plan, Upstream};
use super::who::Who;
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;

/// Where runs of the remote agent are asked for.
pub(crate) const REMOTE: &str = "/api/copilotkit/agent/remote/run";
/// Where runs on the model are asked for.
const MODEL: &str = "/api/copilotkit/agent/model/run";
/// Where the scripted agent's runs are asked for.
const SCRIPTED: &str = "/copilotkit/agent/bench/run";
/// Where threads are replayed.
const CONNECT: &str = "/api/copilotkit/agent/remote/connect";

/// Runs of the thread that is replayed.
const REPLAYED_RUNS: usize = 100;
/// Deltas of each of them: with the begin and the end of message and run 101 events.
const REPLAYED_DELTAS: u32 = 97;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// Runs, each on a thread of its own; the messages as JSON without the brackets.
    Runs { path: &'static str, messages: Arc<str> },
    /// The same request again and again.
    Again(Arc<[u8]>),
}

impl Ask {
    /// Runs of the remote agent, or of the built-in agent.
    pub(crate) fn runs(dialect: Dialect, messages: usize) -> Self {
        let path = match dialect {
            Dialect::AgUi => REMOTE,
            Dialect::OpenAi => MODEL,
        };
        Self::Runs { path, messages: conversation(messages).into() }
    }

    /// The bytes of the request, for a run of this name.
    pub(crate) fn request(&self, name: &str) -> Vec<u8> {
        match self {
            Self::Runs { path, messages } => post(path, &input(name, &format!("run-{name}"), messages)),
            Self::Again(request) => request.to_vec(),
        }
    }
}

/// The servers of a scenario, and what they are asked.
pub(crate) struct Setup {
    /// Its name.
    pub(crate) scenario: &'static str,
    /// What is done, for people.
    pub(crate) what: String,
    /// What stands behind the servers.
    pub(crate) upstream: Option<Upstream>,
    /// The servers, ours first.
    pub(crate) targets: Vec<Target>,
    /// What they are asked.
    pub(crate) ask: Ask,
    /// Deltas of each answer, where it is known.
    pub(crate) deltas: Option<u64>,
    /// What the upstream speaks.
    pub(crate) dialect: Dialect,
}

impl Setup {
    /// What `who` should answer: only the relay and the upstream itself speak as the upstream does.
    pub(crate) fn expect(&self, who: Who) -> Expect {
        let dialect = if matches!(who, Who::Relay | Who::Direct) { self.dialect } else { Dialect::AgUi };
        Expect { dialect, deltas: self.deltas }
    }

    /// The runtime's parts around an agent of their own process, and a bare handler that writes the same frames.
    pub(crate) fn scripted(bench: &Bench) -> anyhow::Result<Self> {
        let launcher = &bench.launcher;
        Ok(Self {
            scenario: "scripted",
            what: "runs of 1,000 events of 100 bytes from an agent inside the server, closed loop".to_owned(),
            upstream: None,
            targets: vec![
                launcher.bench(Who::Ours, "scripted", &[])?,
                launcher.bench(Who::Bare, "scripted-bare", &[])?,
            ],
            ask: Ask::Runs { path: SCRIPTED, messages: conversation(1).into() },
            deltas: Some(server::CONTENTS as u64),
            dialect: Dialect::AgUi,
        })
    }

    /// An upstream and every server that stands in front of it.
    pub(crate) async fn behind(
        bench: &Bench,
        scenario: &'static str,
        what: &str,
        plan: Plan,
        messages: usize,
    ) -> anyhow::Result<Self> {
        let upstream = Upstream::start(plan).await?;
        let address = format!("http://127.0.0.1:{}", upstream.port);
        let (agents, relayed) = match plan.dialect {
            Dialect::AgUi => remote(&address),
            Dialect::OpenAi => model(&address),
        };
        let launcher = &bench.launcher;
        let deltas = plan.deltas.to_string();
        let pace = plan.pace.unwrap_or_default().as_micros().to_string();
        let mut targets = vec![
            launcher.ours(&agents)?,
            launcher.bench(Who::Relay, "relay", &["--upstream", &relayed])?,
            launcher.bench(Who::Bare, "bare", &["--deltas", &deltas, "--pace", &pace])?,
        ];
        // The relay in Python knows no models.
        if let Some(peer) = bench.peer.filter(|peer| *peer != Who::Python || plan.dialect == Dialect::AgUi) {
            targets.push(launcher.peer(peer, &address)?);
        }
        Ok(Self {
            scenario,
            what: what.to_owned(),
            upstream: Some(upstream),
            targets,
            ask: Ask::runs(plan.dialect, messages),
            deltas: Some(plan.deltas.into()),
            dialect: plan.dialect,
        })
    }

    /// A thread of 10,100 events, which is replayed; the bare handler writes the bytes of our replay.
    pub(crate) async fn replay(bench: &Bench) -> anyhow::Result<Self> {
        let plan = Plan { dialect: Dialect::AgUi, deltas: REPLAYED_DELTAS, pace: None };
        let upstream = Upstream::start(plan).await?;
        let address = format!("http://127.0.0.1:{}", upstream.port);
        let connect = post(CONNECT, &input("replayed", "replay", ""));
        let mut targets = vec![bench.launcher.ours(&remote(&address).0)?];
        // The relay in Python keeps no threads.
        if let Some(peer @ Who::Node) = bench.peer {
            targets.push(bench.launcher.peer(peer, &address)?);
        }
        let mut replayed = Vec::new();
        for target in &targets {
            let body = fill(target, &connect).await.with_context(|| target.who.name())?;
            if target.who == Who::Ours {
                replayed = body;
            }
        }
        let file = bench.launcher.folder.join("replay.sse");
        std::fs::write(&file, &replayed).with_context(|| format!("cannot write {}", file.display()))?;
        let events = replayed.windows(6).filter(|bytes| bytes == b"\ndata:").count() + 1;
        targets.insert(1, bench.launcher.bench(Who::Bare, "bare", &["--body", &file.to_string_lossy()])?);
        Ok(Self {
            scenario: "connect",
            what: format!(
                "replays of a thread of {REPLAYED_RUNS} runs of {} events, {events} events and {} KiB in their compact form",
                REPLAYED_DELTAS + 4,
                replayed.len() / 1024
            ),
            upstream: Some(upstream),
            targets,
            ask: Ask::Again(connect.into()),
            deltas: None,
            dialect: Dialect::AgUi,
        })
    }
}

/// Runs the thread that is replayed; its replay.
async fn fill(target: &Target, connect: &[u8]) -> anyhow::Result<Vec<u8>> {
    let expect = Expect { dialect: Dialect::AgUi, deltas: Some(REPLAYED_DELTAS.into()) };
    let mut client = Client::connect(target.port, expect, false).await?;
    for run in 0..REPLAYED_RUNS {
        let message = format!(r#"{{"id":"u-{run}","role":"user","content":"question {run}"}}"#);
        let request = post(REMOTE, &input("replayed", &format!("replayed-{run}"), &message));
        client.ask(&request, &mut |_| ()).await?;
    }
    client.fetch(connect).await
}

/// The agent at `address` in our configuration, and what a relay forwards to.
fn remote(address: &str) -> (String, String) {
    (format!("[agents.remote]\ntype = \"ag-ui\"\nurl = \"{address}/\"\n"), format!("{address}/"))
}

/// The model at `address` in our configuration, and what a relay forwards to.
fn model(address: &str) -> (String, String) {
    let agent = format!(
        "[agents.model]\ntype = \"built-in\"\nmodel = \"openai/bench\"\nbase_url = \"{address}/v1\"\napi_key = \"bench\"\n"
    );
    (agent, format!("{address}/v1/chat/completions"))
}

/// A plan that writes 100 deltas at once.
pub(crate) fn at_once(dialect: Dialect) -> Plan {
    Plan { dialect, deltas: 100, pace: None }
}

/// A plan that writes `rate` deltas each second.
pub(crate) fn at_pace(dialect: Dialect, deltas: u32, rate: u32) -> Plan {
    Plan { dialect, deltas, pace: Some(Duration::from_secs(1) / rate) }
}
