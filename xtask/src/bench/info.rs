//! `GET /info` over kept connections, several requests at once on each.

use super::client::{Client, Expect};
use super::driver::Bench;
use super::frames::Dialect;
use super::report::{Cost, Figure, Goal, Outcome};
use super::stats::median;
use super::target::Target;
use super::who::Who;
use anyhow::Context;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long one turn takes.
const TURN: Duration = Duration::from_millis(1_250);
/// Connections at once.
const CONNECTIONS: usize = 4;
/// Requests that are sent in one write.
const DEPTH: usize = 16;

const EXPECT: Expect = Expect { dialect: Dialect::AgUi, deltas: None };

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let request = "GET /api/copilotkit/info HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    let ours = bench.launcher.ours("[agents.default]\ntype = \"built-in\"\nmodel = \"demo\"\n")?;
    let body = Client::connect(ours.port, EXPECT, false).await?.fetch(request.as_bytes()).await?;
    let file = bench.launcher.folder.join("info.json");
    std::fs::write(&file, &body).with_context(|| format!("cannot write {}", file.display()))?;
    let bare = bench.launcher.bench(Who::Bare, "bare", &["--json", &file.to_string_lossy()])?;
    let mut targets = vec![ours, bare];
    if let Some(peer @ Who::Node) = bench.peer {
        // It asks nothing of its agent here.
        targets.push(bench.launcher.peer(peer, "http://127.0.0.1:9")?);
    }
    let requests: Vec<u8> = request.repeat(DEPTH).into_bytes();
    let turns = bench.turns(TURN);
    let mut values = vec![Vec::new(); targets.len()];
    let mut costs: Vec<Cost> =
        targets.iter().map(|target| Cost { who: target.who, cpu: 0.0, wall: 0.0, rss: 0.0 }).collect();
    for round in 0..=turns {
        for ((target, values), cost) in targets.iter().zip(&mut values).zip(&mut costs) {
            let time = if round == 0 { target.who.warm_up() } else { TURN };
            let (answers, cpu) = turn(target, &requests, time).await.with_context(|| target.who.name())?;
            // The first round warms up and is not counted.
            if round > 0 {
                values.push(answers as f64 / cpu.max(1e-9));
                cost.cpu += cpu;
                cost.wall += TURN.as_secs_f64();
                cost.rss = target.usage()?.rss;
            }
        }
    }
    let mut figure = Figure::new("answers per CPU s", "", Some(Goal::AtLeast(80_000.0)));
    let medians = targets.iter().zip(&values).filter_map(|(target, values)| Some((target.who, median(values)?)));
    figure.values = medians.collect();
    Ok(Outcome {
        scenario: "info",
        what: format!(
            "GET /info, {} bytes, over {CONNECTIONS} kept connections, {DEPTH} requests at once on each",
            body.len()
        ),
        figures: vec![figure],
        costs,
        notes: Vec::new(),
    })
}

/// How many answers came, and the CPU time for them.
async fn turn(target: &Target, requests: &[u8], time: Duration) -> anyhow::Result<(u64, f64)> {
    let before = target.usage()?;
    let until = Instant::now() + time;
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (port, requests) = (target.port, requests.to_vec());
        clients.spawn(async move {
            let mut client = Client::connect(port, EXPECT, false).await?;
            let mut answers = 0;
            while Instant::now() < until {
                client.pipeline(&requests, DEPTH).await?;
                answers += DEPTH as u64;
            }
            anyhow::Ok(answers)
        });
    }
    let mut answers = 0;
    while let Some(done) = clients.join_next().await {
        answers += done.context("a client of the load ended early")??;
    }
    Ok((answers, target.usage()?.cpu - before.cpu))
}
