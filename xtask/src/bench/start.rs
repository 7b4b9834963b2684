//! From the start of the process to its first answer, and what it then holds.

use super::client::{Client, Expect};
use super::driver::Bench;
use super::frames::Dialect;
use super::report::{Cost, Figure, Goal, Outcome};
use super::stats::median;
use super::target::Target;
use super::who::Who;
use anyhow::Context;
use std::time::Duration;

/// How often each is started.
const STARTS: usize = 9;
/// How often a peer is, which takes its time.
const PEER_STARTS: usize = 2;
/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_millis(150);

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let json = bench.launcher.folder.join("start.json");
    std::fs::write(&json, "{}").with_context(|| format!("cannot write {}", json.display()))?;
    let json = json.to_string_lossy();
    let mut first = Figure::new("start to first answer", "ms", Some(Goal::AtMost(20.0)));
    let mut idle = Figure::new("memory when idle", "MiB", Some(Goal::AtMost(12.0)));
    let mut size = Figure::new("size of the binary", "MiB", None);
    let mut costs = Vec::new();
    for who in [Some(Who::Ours), Some(Who::Bare), bench.peer.filter(|peer| *peer == Who::Node)].into_iter().flatten() {
        let launch = || match who {
            Who::Ours => bench.launcher.ours("[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n"),
            Who::Bare => bench.launcher.bench(who, "bare", &["--json", &json]),
            peer => bench.launcher.peer(peer, "http://127.0.0.1:9"),
        };
        let (mut times, mut memory, mut cpu) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..if who == Who::Node { PEER_STARTS } else { STARTS } {
            let target = launch()?;
            times.push(answered(&target).await.with_context(|| who.name())?.as_secs_f64() * 1e3);
            tokio::time::sleep(REST).await;
            let used = target.usage()?;
            memory.push(used.rss);
            cpu += used.cpu;
        }
        first.values.extend(median(&times).map(|value| (who, value)));
        idle.values.extend(median(&memory).map(|value| (who, value)));
        let wall = times.iter().sum::<f64>() / 1e3 + REST.as_secs_f64() * times.len() as f64;
        costs.push(Cost { who, cpu, wall, rss: median(&memory).unwrap_or(0.0) });
    }
    let path = &bench.launcher.binary;
    let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    size.values.push((Who::Ours, bytes as f64 / 1_048_576.0));
    Ok(Outcome {
        scenario: "start",
        what: format!("the process is started {STARTS} times and asked for /info"),
        figures: vec![first, idle, size],
        costs,
        notes: vec!["bare is a handler in the program that measures: smaller than ours, without TLS".to_owned()],
    })
}

/// The time from the start of the process to the end of its first answer.
async fn answered(target: &Target) -> anyhow::Result<Duration> {
    let expect = Expect { dialect: Dialect::AgUi, deltas: None };
    let mut client = Client::connect(target.port, expect, false).await?;
    client.fetch(b"GET /api/copilotkit/info HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await?;
    Ok(target.began.elapsed())
}
