//! Starts both servers, loads them in turns and prints what they used.

use super::load::{self, Received};
use super::usage::Usage;
use super::{Options, Scenario};
use crate::process::{self, Group};
use anyhow::Context;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long one turn takes.
const TURN: Duration = Duration::from_secs(2);

/// Measures; always true, what fails is an error.
pub(crate) fn run(_root: &Path, options: &Options) -> anyhow::Result<bool> {
    let Scenario::Scripted = options.scenario;
    let ticks = process::output("getconf", &["CLK_TCK"]).and_then(|ticks| ticks.parse().ok()).unwrap_or(100.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    let mut ours = Server::start("ours", ticks)?;
    let mut bare = Server::start("bare", ticks)?;
    let turns = options.seconds.div_ceil(TURN.as_secs());
    println!(
        "scripted: runs of 1,000 events of 100 bytes, {} connections, {} turns of {} s each, {} cores",
        options.connections,
        turns,
        TURN.as_secs(),
        std::thread::available_parallelism().map_or(0, usize::from),
    );
    // The first turn warms both up and is not counted.
    for turn in 0..=turns {
        for server in [&mut ours, &mut bare] {
            runtime.block_on(server.turn(options.connections, turn))?;
            if turn == 0 {
                server.sum = Sum::default();
            }
        }
    }
    print(&ours, &bare)?;
    Ok(true)
}

/// What one server did in its turns.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    received: Received,
    seconds: f64,
    cpu: f64,
}

impl Sum {
    fn events_per_second(&self) -> f64 {
        self.received.events as f64 / self.seconds
    }

    fn cpu_us_per_event(&self) -> f64 {
        self.cpu * 1e6 / self.received.events as f64
    }
}

struct Server {
    name: &'static str,
    child: Child,
    group: Group,
    port: u16,
    ticks: f64,
    sum: Sum,
}

impl Server {
    fn start(name: &'static str, ticks: f64) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("cannot find our own binary")?);
        command.args(["bench-server", name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let (group, mut child) = Group::start(&mut command).with_context(|| format!("cannot start {name}"))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("{name} did not say its port"))?;
        Ok(Self { name, child, group, port, ticks, sum: Sum::default() })
    }

    async fn turn(&mut self, connections: u64, turn: u64) -> anyhow::Result<()> {
        let before = Usage::of(self.child.id(), self.ticks)?;
        let began = Instant::now();
        let received = load::load(self.port, connections, TURN, turn).await.with_context(|| self.name)?;
        self.sum.seconds += began.elapsed().as_secs_f64();
        self.sum.cpu += Usage::of(self.child.id(), self.ticks)?.cpu - before.cpu;
        self.sum.received.events += received.events;
        self.sum.received.bytes += received.bytes;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.group.end();
        // It has been told to end; what it answers does not matter.
        self.child.wait().ok();
    }
}

fn print(ours: &Server, bare: &Server) -> anyhow::Result<()> {
    println!(
        "\n{:10} {:6} {:>12} {:>14} {:>12} {:>10}",
        "scenario", "server", "events/s", "CPU us/event", "bytes/event", "RSS MiB"
    );
    for server in [ours, bare] {
        let sum = &server.sum;
        println!(
            "{:10} {:6} {:>12.0} {:>14.3} {:>12.1} {:>10.1}",
            "scripted",
            server.name,
            sum.events_per_second(),
            sum.cpu_us_per_event(),
            sum.received.bytes as f64 / sum.received.events as f64,
            Usage::of(server.child.id(), server.ticks)?.rss,
        );
    }
    let (ours, bare) = (&ours.sum, &bare.sum);
    println!(
        "{:10} {:6} {:>12.2} {:>14.2}",
        "scripted",
        "ratio",
        ours.events_per_second() / bare.events_per_second(),
        ours.cpu_us_per_event() / bare.cpu_us_per_event(),
    );
    Ok(())
}
