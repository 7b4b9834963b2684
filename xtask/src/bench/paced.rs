//! Streams at a pace: what an event costs when it comes alone, and how late it is.

use super::client::Client;
use super::driver::Bench;
use super::report::{Cost, Figure, Goal, Outcome};
use super::setup::Setup;
use super::stats::{median, percentile};
use super::target::Target;
use super::who::Who;
use anyhow::Context;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many streams.
pub(crate) const STREAMS: u32 = 50;
/// Deltas of each stream in a second.
pub(crate) const RATE: u32 = 50;
/// Deltas of a run.
pub(crate) const DELTAS: u32 = 100;
/// The time over which the begins of the streams are spread.
const SPREAD: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Sum {
    events: u64,
    cpu: Vec<f64>,
    cpu_seconds: f64,
    wall: f64,
    /// Nanoseconds from the upstream's write to the load's read.
    ages: Vec<u64>,
    /// Nanoseconds from a request to its first event.
    firsts: Vec<u64>,
}

/// Runs the streams through every server in turns, and past them.
pub(crate) async fn run(bench: &Bench, mut setup: Setup, cpu_goal: f64) -> anyhow::Result<Outcome> {
    let upstream = setup.upstream.as_ref().context("there is no upstream")?.port;
    setup.targets.push(Target::direct(upstream));
    let turns = bench.turns(Duration::from_secs((DELTAS / RATE).into()) + SPREAD);
    let mut sums: BTreeMap<Who, Sum> = BTreeMap::new();
    for round in 0..=turns {
        for target in &setup.targets {
            // The first round warms up and is not counted.
            let mut thrown_away = Sum::default();
            let sum = if round == 0 { &mut thrown_away } else { sums.entry(target.who).or_default() };
            turn(&setup, target, round, sum).await.with_context(|| target.who.name())?;
        }
    }
    let mut cpu = Figure::new("CPU per event", "us", Some(Goal::AtMost(cpu_goal)));
    let mut late = Figure::new("event latency p99", "ms", Some(Goal::AtMost(1.0)));
    let mut middle = Figure::new("event latency p50", "ms", None);
    let mut added = Figure::new("added to first event p50", "ms", Some(Goal::AtMost(0.5)));
    let direct = percentile(&mut sums.entry(Who::Direct).or_default().firsts, 50.0);
    let mut costs = Vec::new();
    for target in &setup.targets {
        let who = target.who;
        let sum = sums.entry(who).or_default();
        late.values.push((who, percentile(&mut sum.ages, 99.0) as f64 / 1e6));
        middle.values.push((who, percentile(&mut sum.ages, 50.0) as f64 / 1e6));
        let first = percentile(&mut sum.firsts, 50.0);
        if !matches!(who, Who::Bare | Who::Direct) {
            added.values.push((who, (first as f64 - direct as f64) / 1e6));
        }
        if who != Who::Direct {
            cpu.values.extend(median(&sum.cpu).map(|value| (who, value)));
        }
        costs.push(Cost { who, cpu: sum.cpu_seconds, wall: sum.wall, rss: target.usage()?.rss });
    }
    let notes = vec![
        format!(
            "direct is the load on the upstream without a server; its first event takes {:.2} ms",
            direct as f64 / 1e6
        ),
        "the bare writer has no upstream: it keeps the pace itself".to_owned(),
    ];
    let figures = vec![cpu, late, middle, added];
    Ok(Outcome { scenario: setup.scenario, what: setup.what, figures, costs, notes })
}

async fn turn(setup: &Setup, target: &Target, round: u64, sum: &mut Sum) -> anyhow::Result<()> {
    let before = target.usage()?;
    let began = Instant::now();
    let mut streams = JoinSet::new();
    for stream in 0..STREAMS {
        let (port, expect) = (target.port, setup.expect(target.who));
        let request = setup.ask.request(&format!("{}-{round}-{stream}", setup.scenario));
        streams.spawn(async move {
            let mut client = Client::connect(port, expect, true).await?;
            tokio::time::sleep(SPREAD * stream / STREAMS).await;
            let times = client.ask(&request, &mut |_| ()).await?;
            anyhow::Ok((client.watch, times.first))
        });
    }
    let mut events = 0;
    while let Some(done) = streams.join_next().await {
        let (watch, first) = done.context("a stream of the load ended early")??;
        events += watch.events;
        sum.ages.extend(watch.ages);
        sum.firsts.push(u64::try_from(first.as_nanos()).unwrap_or(u64::MAX));
    }
    let cpu = target.usage()?.cpu - before.cpu;
    sum.events += events;
    sum.cpu.push(cpu * 1e6 / events as f64);
    sum.cpu_seconds += cpu;
    sum.wall += began.elapsed().as_secs_f64();
    Ok(())
}
