//! Sets every scenario up, measures it and prints it.

use super::closed::{self, Measure};
use super::frames::Dialect;
use super::pin::{self, Cores};
use super::report::{Figure, Goal, Outcome, markdown};
use super::setup::{Setup, at_once, at_pace};
use super::target::{self, Launcher};
use super::upstream::Plan;
use super::usage::{self, Usage};
use super::who::Who;
use super::{Options, Scenario, growing, info, open, paced, start};
use crate::process;
use anyhow::Context;
use std::path::Path;
use std::time::{Duration, Instant};

/// How much of the machine others may use before it is said, in percent.
const QUIET: f64 = 5.0;

/// What all scenarios share.
pub(crate) struct Bench {
    /// Starts servers.
    pub(crate) launcher: Launcher,
    /// How long each server is measured.
    pub(crate) time: Duration,
    /// Connections of a closed loop.
    pub(crate) connections: u64,
    /// Another runtime that is measured beside ours.
    pub(crate) peer: Option<Who>,
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

/// Measures; always true, what fails is an error.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let core_count = std::thread::available_parallelism().map_or(1, usize::from) as f64;
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
    let binary = match &options.binary {
        Some(path) => path.clone(),
        None => target::binary()?,
    };
    let launcher = Launcher { ticks, cores, folder, root: root.to_owned(), binary, sqlite: options.sqlite };
    let peer = match options.peer {
        Some(peer) => Some(launcher.install(peer)?),
        None => None,
    };
    let mut bench =
        Bench { launcher, time: Duration::from_secs(options.seconds), connections: options.connections, peer };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    let mut outcomes = Vec::new();
    for scenario in options.scenario.each() {
        let (before, began) = (usage::others(ticks)?, Instant::now());
        let mut outcome =
            runtime.block_on(try_measure(&mut bench, scenario)).with_context(|| format!("{scenario:?}"))?;
        let machine = began.elapsed().as_secs_f64() * core_count;
        let others = (usage::others(ticks)? - before) / machine * 100.0;
        if others > QUIET {
            let warning = "others used {}% of the machine meanwhile: times say little, CPU times are too high";
            outcome.notes.push(warning.replace("{}", &format!("{others:.0}")));
        }
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

/// A peer that cannot do a scenario is left out of it.
async fn try_measure(bench: &mut Bench, scenario: Scenario) -> anyhow::Result<Outcome> {
    let error = match (measure(bench, scenario).await, bench.peer) {
        (Err(error), Some(_)) => error,
        (result, _) => return result,
    };
    let peer = bench.peer.take();
    let again = measure(bench, scenario).await;
    bench.peer = peer;
    let mut outcome = again?;
    outcome.notes.push(format!("measured again without the peer, with which this failed: {error:#}"));
    Ok(outcome)
}

async fn measure(bench: &Bench, scenario: Scenario) -> anyhow::Result<Outcome> {
    let per_event = || (Measure::CpuPerEvent, Figure::new("CPU per event", "us", None));
    let runs = |least| (Measure::RunsPerCpu, Figure::new("runs per CPU s", "", Some(Goal::AtLeast(least))));
    match scenario {
        Scenario::Scripted => closed::run(bench, &Setup::scripted(bench)?, &[per_event()]).await,
        Scenario::ProxyClosed => {
            let what = "runs of 100 deltas of 20 bytes from a remote AG-UI agent, closed loop";
            let setup = Setup::behind(bench, "proxy-closed", what, at_once(Dialect::AgUi), 1).await?;
            let figure = Figure::new("CPU per event", "us", Some(Goal::AtMost(4.0)));
            let runs = Figure::new("runs per CPU s", "", None);
            closed::run(bench, &setup, &[(Measure::CpuPerEvent, figure), (Measure::RunsPerCpu, runs)]).await
        }
        Scenario::ProxyHistory => {
            let what = "the same with 50 messages of input in each request, half of 40 and half of 200 bytes";
            let setup = Setup::behind(bench, "proxy-history", what, at_once(Dialect::AgUi), 50).await?;
            closed::run(bench, &setup, &[runs(1_900.0)]).await
        }
        Scenario::ProxyPaced => {
            let what = "50 streams of 50 events a second from a remote AG-UI agent";
            let plan = at_pace(Dialect::AgUi, paced::DELTAS, paced::RATE);
            let setup = Setup::behind(bench, "proxy-paced", what, plan, 1).await?;
            paced::run(bench, setup, 27.0).await
        }
        Scenario::ModelClosed => {
            let what = "runs of 100 deltas of 20 bytes from a model server, built-in agent, closed loop";
            let setup = Setup::behind(bench, "model-closed", what, at_once(Dialect::OpenAi), 1).await?;
            closed::run(bench, &setup, &[runs(1_500.0), per_event()]).await
        }
        Scenario::ModelPaced => {
            let what = "50 streams of 50 events a second from a model server, built-in agent";
            let plan = at_pace(Dialect::OpenAi, paced::DELTAS, paced::RATE);
            let setup = Setup::behind(bench, "model-paced", what, plan, 1).await?;
            paced::run(bench, setup, 28.0).await
        }
        Scenario::Streams => {
            let what = "streams of 50 events a second from a remote AG-UI agent, more and more of them";
            let plan = at_pace(Dialect::AgUi, u32::MAX, open::RATE);
            let setup = Setup::behind(bench, "streams", what, plan, 1).await?;
            open::ramp(bench, setup).await
        }
        Scenario::Connect => {
            let figure = Figure::new("replays per CPU s", "", Some(Goal::AtLeast(1_100.0)));
            closed::run(bench, &Setup::replay(bench).await?, &[(Measure::RunsPerCpu, figure)]).await
        }
        Scenario::Open => {
            let what = "2,000 open streams of one event a second from a remote AG-UI agent";
            let plan = at_pace(Dialect::AgUi, open::OPEN_DELTAS, 1);
            open::open(Setup::behind(bench, "open", what, plan, 1).await?, 36.0).await
        }
        Scenario::ModelOpen => {
            let what = "2,000 open streams of one event a second from a model server, built-in agent";
            let plan = at_pace(Dialect::OpenAi, open::OPEN_DELTAS, 1);
            open::open(Setup::behind(bench, "model-open", what, plan, 1).await?, 64.0).await
        }
        Scenario::Info => info::run(bench).await,
        Scenario::Start => start::run(bench).await,
        Scenario::Growing => {
            let what = "200 runs on one thread, each with the whole history of 40 bytes asked and 200 answered a run";
            let plan = Plan { deltas: growing::DELTAS, ..at_once(Dialect::AgUi) };
            growing::run(bench, Setup::behind(bench, "growing", what, plan, 1).await?).await
        }
        Scenario::All => anyhow::bail!("`all` is no scenario of its own"),
    }
}
