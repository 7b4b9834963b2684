//! A thread that grows: each run sends the whole history, as pages do.

use super::client::Client;
use super::driver::Bench;
use super::frames::{DELTA, input, post};
use super::report::{Cost, Figure, Goal, Outcome};
use super::setup::{REMOTE, Setup};
use super::stats::median;
use super::target::Target;
use super::who::Who;
use anyhow::Context;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Runs of one thread.
const RUNS: usize = 200;
/// Deltas of each.
pub(crate) const DELTAS: u32 = 10;
/// How many of the first and the last runs are looked at.
const LOOKED_AT: usize = 10;
/// About how long one thread takes.
const TURN: Duration = Duration::from_millis(700);

#[derive(Default)]
struct Sum {
    first: Vec<f64>,
    last: Vec<f64>,
    cpu: f64,
    wall: f64,
}

pub(crate) async fn run(bench: &Bench, setup: Setup) -> anyhow::Result<Outcome> {
    let turns = bench.turns(TURN);
    let mut sums: BTreeMap<Who, Sum> = BTreeMap::new();
    for round in 0..=turns {
        for target in &setup.targets {
            // The first round warms up and is not counted.
            let mut thrown_away = Sum::default();
            let sum = if round == 0 { &mut thrown_away } else { sums.entry(target.who).or_default() };
            thread(&setup, target, round, sum).await.with_context(|| target.who.name())?;
        }
    }
    let mut last = Figure::new("last runs p50", "ms", Some(Goal::AtMost(1.5)));
    let mut first = Figure::new("first runs p50", "ms", None);
    let mut costs = Vec::new();
    for target in &setup.targets {
        let sum = sums.entry(target.who).or_default();
        last.values.extend(median(&sum.last).map(|value| (target.who, value)));
        first.values.extend(median(&sum.first).map(|value| (target.who, value)));
        costs.push(Cost { who: target.who, cpu: sum.cpu, wall: sum.wall, rss: target.usage()?.rss });
    }
    let notes =
        vec![format!("the time of the first and the last {LOOKED_AT} of {RUNS} runs, load and upstream included")];
    Ok(Outcome { scenario: setup.scenario, what: setup.what, figures: vec![last, first], costs, notes })
}

/// All runs of one thread, one after the other.
async fn thread(setup: &Setup, target: &Target, round: u64, sum: &mut Sum) -> anyhow::Result<()> {
    let before = target.usage()?;
    let began = Instant::now();
    let mut client = Client::connect(target.port, setup.expect(target.who), false).await?;
    let answer = "x".repeat(DELTA * DELTAS as usize);
    let thread = format!("growing-{round}");
    let mut history = String::new();
    for number in 0..RUNS {
        let run = format!("{thread}-{number}");
        let question = "lorem ipsum dolor sit amet, consectetur a";
        history += &format!(r#"{{"id":"u-{run}","role":"user","content":"{question}"}}"#);
        let request = post(REMOTE, &input(&thread, &run, &history));
        history += &format!(r#",{{"id":"m-{run}","role":"assistant","content":"{answer}"}},"#);
        let times = client.ask(&request, &mut |_| ()).await?;
        let milliseconds = times.whole.as_secs_f64() * 1e3;
        if number < LOOKED_AT {
            sum.first.push(milliseconds);
        } else if number >= RUNS - LOOKED_AT {
            sum.last.push(milliseconds);
        }
    }
    sum.cpu += target.usage()?.cpu - before.cpu;
    sum.wall += began.elapsed().as_secs_f64();
    Ok(())
}
