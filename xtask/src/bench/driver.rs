//! Sets every scenario up, measures it and prints it.

use super::client::Expect;
use super::closed::{self, Measure};
use super::frames::Dialect;
use super::pin::{self, Cores};
use super::report::{Figure, Goal, Outcome, markdown};
use super::target::{Launcher, Target, Who};
use super::upstream::{Plan, Upstream};
use super::usage::Usage;
use super::{Options, Scenario, server};
use crate::process;
use anyhow::Context;
use std::path::Path;
use std::time::Duration;

/// Where runs of the remote agent are asked for.
const REMOTE: &str = "/api/copilotkit/agent/remote/run";
/// Where runs on the model are asked for.
const MODEL: &str = "/api/copilotkit/agent/model/run";

/// What all scenarios share.
pub(crate) struct Bench {
    /// Starts servers.
    pub(crate) launcher: Launcher,
    /// How long each server is measured.
    pub(crate) time: Duration,
    /// Connections of a closed loop.
    pub(crate) connections: u64,
}

impl Bench {
    /// How many turns of `turn` each server gets; at least two.
    pub(crate) fn turns(&self, turn: Duration) -> u64 {
        (self.time.as_secs_f64() / turn.as_secs_f64()).round().max(2.0) as u64
    }

    /// What the load and the upstream have used so far.
    pub(crate) fn own_usage(&self) -> anyhow::Result<Usage> {
        Usage::of(std::process::id(), self.launcher.ticks)
    }
}

/// The servers of one scenario and what they are asked.
pub(crate) struct Setup {
    /// Its name.
    pub(crate) scenario: &'static str,
    /// What is done, for people.
    pub(crate) what: String,
    /// What stands behind the servers.
    pub(crate) upstream: Option<Upstream>,
    /// The servers, ours first.
    pub(crate) targets: Vec<Target>,
    /// Where runs are asked for.
    pub(crate) path: &'static str,
    /// Messages of each request.
    pub(crate) messages: usize,
    /// Deltas of each run.
    pub(crate) deltas: u32,
    /// What the upstream speaks.
    pub(crate) dialect: Dialect,
}

impl Setup {
    /// What `who` should answer: only the relay and the upstream itself speak as the upstream does.
    pub(crate) fn expect(&self, who: Who) -> Expect {
        let dialect = if matches!(who, Who::Relay | Who::Direct) { self.dialect } else { Dialect::AgUi };
        Expect { dialect, deltas: Some(self.deltas.into()) }
    }
}

/// Measures; always true, what fails is an error.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let cores = Cores::find().filter(|cores| cores.server != cores.load);
    match cores {
        Some(cores) => {
            pin::pin(cores.load)?;
            eprintln!("servers run on core {}, load and upstream on core {}", cores.server, cores.load);
        }
        None => eprintln!("nothing is pinned to a core: that needs Linux and two cores"),
    }
    pin::raise_files()?;
    let ticks = process::output("getconf", &["CLK_TCK"]).and_then(|ticks| ticks.parse().ok()).unwrap_or(100.0);
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let launcher = Launcher { ticks, cores, folder };
    let bench = Bench { launcher, time: Duration::from_secs(options.seconds), connections: options.connections };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    let mut outcomes = Vec::new();
    for scenario in options.scenario.each() {
        let outcome = runtime.block_on(measure(&bench, scenario)).with_context(|| format!("{scenario:?}"))?;
        eprint!("{}", outcome.text());
        outcomes.push(outcome);
    }
    if options.markdown {
        println!("{}", markdown(&outcomes));
    }
    if options.json {
        let all: Vec<_> = outcomes.iter().map(Outcome::json).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    Ok(true)
}

async fn measure(bench: &Bench, scenario: Scenario) -> anyhow::Result<Outcome> {
    match scenario {
        Scenario::Scripted => {
            let measures = [(Measure::CpuPerEvent, Figure::new("CPU per event", "us", None))];
            closed::run(bench, &scripted(bench)?, &measures).await
        }
        Scenario::ProxyClosed => {
            let what = "runs of 100 deltas of 20 bytes from a remote AG-UI agent, closed loop";
            let setup = behind(bench, "proxy-closed", what, plan(Dialect::AgUi), 1).await?;
            let figure = Figure::new("CPU per event", "us", Some(Goal::AtMost(4.0)));
            let runs = Figure::new("runs per CPU s", "", None);
            closed::run(bench, &setup, &[(Measure::CpuPerEvent, figure), (Measure::RunsPerCpu, runs)]).await
        }
        Scenario::ProxyHistory => {
            let what = "the same with 50 messages of input in each request, half of 40 and half of 200 bytes";
            let setup = behind(bench, "proxy-history", what, plan(Dialect::AgUi), 50).await?;
            let figure = Figure::new("runs per CPU s", "", Some(Goal::AtLeast(1_900.0)));
            closed::run(bench, &setup, &[(Measure::RunsPerCpu, figure)]).await
        }
        Scenario::ModelClosed => {
            let what = "runs of 100 deltas of 20 bytes from a model server, built-in agent, closed loop";
            let setup = behind(bench, "model-closed", what, plan(Dialect::OpenAi), 1).await?;
            let figure = Figure::new("runs per CPU s", "", Some(Goal::AtLeast(1_500.0)));
            let events = Figure::new("CPU per event", "us", None);
            closed::run(bench, &setup, &[(Measure::RunsPerCpu, figure), (Measure::CpuPerEvent, events)]).await
        }
        Scenario::All => anyhow::bail!("`all` is no scenario of its own"),
    }
}

/// 100 deltas at once.
fn plan(dialect: Dialect) -> Plan {
    Plan { dialect, deltas: 100, pace: None }
}

/// The runtime's parts around an agent of their own process, and a bare handler that writes the same frames.
fn scripted(bench: &Bench) -> anyhow::Result<Setup> {
    let launcher = &bench.launcher;
    Ok(Setup {
        scenario: "scripted",
        what: "runs of 1,000 events of 100 bytes from an agent inside the server, closed loop".to_owned(),
        upstream: None,
        targets: vec![launcher.bench(Who::Ours, "scripted", &[])?, launcher.bench(Who::Bare, "scripted-bare", &[])?],
        path: "/copilotkit/agent/bench/run",
        messages: 1,
        deltas: server::CONTENTS as u32,
        dialect: Dialect::AgUi,
    })
}

/// An upstream and every server that stands in front of it.
async fn behind(
    bench: &Bench,
    scenario: &'static str,
    what: &str,
    plan: Plan,
    messages: usize,
) -> anyhow::Result<Setup> {
    let upstream = Upstream::start(plan).await?;
    let address = format!("http://127.0.0.1:{}", upstream.port);
    let (path, agents) = match plan.dialect {
        Dialect::AgUi => (REMOTE, format!("[agents.remote]\ntype = \"ag-ui\"\nurl = \"{address}/\"\n")),
        Dialect::OpenAi => (
            MODEL,
            format!(
                "[agents.model]\ntype = \"built-in\"\nmodel = \"openai/bench\"\nbase_url = \"{address}/v1\"\n\
                 api_key = \"bench\"\n"
            ),
        ),
    };
    let launcher = &bench.launcher;
    let relayed = match plan.dialect {
        Dialect::AgUi => format!("{address}/"),
        Dialect::OpenAi => format!("{address}/v1/chat/completions"),
    };
    let deltas = plan.deltas.to_string();
    let pace = plan.pace.unwrap_or_default().as_micros().to_string();
    let targets = vec![
        launcher.ours(&agents)?,
        launcher.bench(Who::Relay, "relay", &["--upstream", &relayed])?,
        launcher.bench(Who::Bare, "bare", &["--deltas", &deltas, "--pace", &pace])?,
    ];
    Ok(Setup {
        scenario,
        what: what.to_owned(),
        upstream: Some(upstream),
        targets,
        path,
        messages,
        deltas: plan.deltas,
        dialect: plan.dialect,
    })
}
