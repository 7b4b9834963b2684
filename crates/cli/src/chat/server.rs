//! What a server can be asked for, whichever kind it is: a runtime over REST or over its single endpoint, or an agent.

use super::events::Events;
use super::wire::{Reply, Wire};
use crate::terminal::strip;
use anyhow::{Context as _, Result, anyhow, bail};
use copilotkit_protocol::RunAgentInput;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

/// How many threads are listed.
pub(super) const THREADS: usize = 20;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A runtime with a path for everything.
    Rest,
    /// A runtime with one path for everything.
    Single,
    /// An AG-UI agent.
    Agent,
}

/// A server.
pub(super) struct Server {
    wire: Wire,
    kind: Kind,
    /// The agents of a runtime.
    agents: Vec<Agent>,
    /// The one that is spoken to.
    agent: String,
}

/// An agent of a runtime.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) description: String,
}

/// A thread, as the list shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thread {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
}

impl Server {
    /// Finds out what is there, and whom to speak to.
    pub(super) async fn find(wire: Wire, agent: Option<&str>) -> Result<Self> {
        let (kind, agents) = kind(&wire).await?;
        let mut server = Self { wire, kind, agents, agent: String::new() };
        if kind != Kind::Agent {
            let has_default = server.agents.iter().any(|agent| agent.id == "default");
            let chosen = match (agent, server.agents.as_slice()) {
                (Some(agent), _) => agent.to_owned(),
                (None, _) if has_default => "default".to_owned(),
                (None, [only]) => only.id.clone(),
                (None, [_, _, ..]) => {
                    let known: Vec<_> = server.agents.iter().map(|agent| strip(&agent.id)).collect();
                    bail!("there is no agent `default`: say --agent, one of {}", known.join(", "))
                }
                (None, []) => bail!("{} has no agents", server.wire.name()),
            };
            server.choose(&chosen)?;
        } else if agent.is_some() {
            bail!(
                "{} is one AG-UI agent, not a runtime: leave --agent out, or name the base path of the runtime",
                server.wire.name()
            )
        }
        Ok(server)
    }

    /// Who is spoken to, for people.
    pub(super) fn who(&self) -> String {
        match self.kind {
            Kind::Agent => format!("the AG-UI agent at {}", self.wire.name()),
            _ => format!("{} {}", self.agent, self.wire.place()),
        }
    }

    /// The agents of a runtime; none of an agent.
    pub(super) fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// The agent that is spoken to.
    pub(super) fn agent(&self) -> &str {
        &self.agent
    }

    /// Speaks to another agent from now on.
    pub(super) fn choose(&mut self, agent: &str) -> Result<()> {
        if self.kind == Kind::Agent {
            bail!("this is one AG-UI agent: there are no others to choose")
        }
        if !self.agents.iter().any(|known| known.id == agent) {
            let known: Vec<_> = self.agents.iter().map(|agent| strip(&agent.id)).collect();
            bail!("there is no agent {}; there are: {}", strip(agent), known.join(", "))
        }
        self.agent = agent.to_owned();
        Ok(())
    }

    /// Whether threads live on the server.
    pub(super) fn keeps_threads(&self) -> bool {
        self.kind != Kind::Agent
    }

    /// Whether the server takes a request to stop; else hanging up is all that can be done.
    pub(super) fn can_stop(&self) -> bool {
        self.kind != Kind::Agent
    }

    /// Starts a run.
    pub(super) async fn run(&self, input: &RunAgentInput) -> Result<Events> {
        let body = serde_json::to_value(input).context("the input cannot be written")?;
        let reply = match self.kind {
            Kind::Agent => self.wire.send(Method::POST, "", Some(body.to_string().into_bytes())).await?,
            _ => self.agent_request("run", "agent/run", body).await?,
        };
        stream(reply).await
    }

    /// Replays a thread and follows its live run.
    pub(super) async fn connect(&self, input: &RunAgentInput) -> Result<Events> {
        let body = serde_json::to_value(input).context("the input cannot be written")?;
        stream(self.agent_request("connect", "agent/connect", body).await?).await
    }

    async fn agent_request(&self, verb: &str, method: &str, body: Value) -> Result<Reply> {
        let agent = &self.agent;
        match self.kind {
            Kind::Single => {
                let envelope = json!({ "method": method, "params": { "agentId": agent }, "body": body });
                self.wire.send(Method::POST, "", Some(envelope.to_string().into_bytes())).await
            }
            _ => {
                let path = format!("/agent/{}/{verb}", encode(agent));
                self.wire.send(Method::POST, &path, Some(body.to_string().into_bytes())).await
            }
        }
    }

    /// Asks the live run of a thread to stop.
    pub(super) async fn stop(&self, thread_id: &str) -> Result<()> {
        let agent = &self.agent;
        let reply = match self.kind {
            Kind::Agent => return Ok(()),
            Kind::Single => {
                let params = json!({ "agentId": agent, "threadId": thread_id });
                let envelope = json!({ "method": "agent/stop", "params": params });
                self.wire.send(Method::POST, "", Some(envelope.to_string().into_bytes())).await?
            }
            Kind::Rest => {
                let path = format!("/agent/{}/stop/{}", encode(agent), encode(thread_id));
                self.wire.send(Method::POST, &path, Some(b"{}".to_vec())).await?
            }
        };
        json(reply).await.map(|_| ())
    }

    /// The threads that were used last.
    pub(super) async fn threads(&self) -> Result<Vec<Thread>> {
        // Node's runtime lists nothing for a request that names no agent.
        let path = format!("/threads?agentId={}&limit={THREADS}", encode(&self.agent));
        let reply = match self.kind {
            Kind::Agent => bail!("an AG-UI agent keeps no threads: they are there with a runtime in front of it"),
            Kind::Rest => self.wire.send(Method::GET, &path, None).await?,
            Kind::Single => {
                let params = json!({ "path": path, "httpMethod": "GET" });
                let envelope = json!({ "method": "resource/request", "params": params });
                self.wire.send(Method::POST, "", Some(envelope.to_string().into_bytes())).await?
            }
        };
        let answer = json(reply).await.context("this server lists no threads")?;
        let threads = answer.get("threads").cloned().unwrap_or_default();
        let mut threads: Vec<Thread> = serde_json::from_value(threads).context("the list of threads is none")?;
        threads.truncate(THREADS);
        Ok(threads)
    }
}

fn encode(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

/// A runtime answers `/info`, or the envelope of that name; an agent does neither.
async fn kind(wire: &Wire) -> Result<(Kind, Vec<Agent>)> {
    let rest = wire.send(Method::GET, "/info", None).await?;
    if rest.status == StatusCode::UNAUTHORIZED {
        json(rest).await?;
    } else if let Some(agents) = agents(rest).await {
        return Ok((Kind::Rest, agents));
    }
    let envelope = json!({ "method": "info" }).to_string();
    let single = wire.send(Method::POST, "", Some(envelope.into_bytes())).await?;
    if let Some(agents) = agents(single).await {
        return Ok((Kind::Single, agents));
    }
    Ok((Kind::Agent, Vec::new()))
}

async fn agents(reply: Reply) -> Option<Vec<Agent>> {
    if reply.status != StatusCode::OK || reply.is_stream {
        return None;
    }
    let answer: Value = serde_json::from_slice(&reply.bytes().await.ok()?).ok()?;
    let agents = answer.get("agents")?.as_object()?.iter().map(|(id, agent)| {
        let description = agent.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        Agent { id: id.clone(), description }
    });
    Some(agents.collect())
}

/// The stream of an answer; anything else is an error, in the server's words.
async fn stream(reply: Reply) -> Result<Events> {
    if reply.status == StatusCode::OK && reply.is_stream {
        return Ok(Events::new(reply));
    }
    json(reply).await?;
    Err(anyhow!("the server answered with something that is no stream of events: is this the address of an agent?"))
}

/// The JSON of an answer; an error in the server's words.
async fn json(reply: Reply) -> Result<Value> {
    let status = reply.status;
    let bytes = reply.bytes().await?;
    let value: Option<Value> = serde_json::from_slice(&bytes).ok();
    if status.is_success() {
        return Ok(value.unwrap_or_default());
    }
    let text = |key: &str| value.as_ref().and_then(|value| value.get(key)).and_then(Value::as_str);
    let said = ["message", "details", "hint", "error", "detail"].into_iter().find_map(text).map(strip);
    let said = said.unwrap_or_else(|| {
        let words = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        strip(words.trim())
    });
    let hint = match status {
        StatusCode::UNAUTHORIZED => "; the token is that of the variable that --token-env names",
        StatusCode::FORBIDDEN => "; the token is known, but may not do this",
        status if status.is_redirection() => "; redirects are not followed, name the address itself",
        _ => "",
    };
    bail!("the server refused with {status}: {}{hint}", said.trim_end_matches('.'))
}
