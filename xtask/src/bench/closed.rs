//! Closed loops: each connection asks for one run after the other, as fast as they come.

use super::client::{Client, Expect};
use super::driver::Bench;
use super::report::{Cost, Figure, Outcome};
use super::setup::{Ask, Setup};
use super::stats::median;
use super::target::Target;
use super::who::Who;
use anyhow::Context;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long one turn takes.
const TURN: Duration = Duration::from_millis(1_250);

/// What a figure is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Microseconds of CPU time for each event.
    CpuPerEvent,
    /// Runs for each second of CPU time.
    RunsPerCpu,
}

/// What one server did in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) runs: u64,
    pub(crate) events: u64,
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    /// CPU time of the load and the upstream.
    pub(crate) load: f64,
}

impl Turn {
    fn value(&self, measure: Measure) -> f64 {
        match measure {
            Measure::CpuPerEvent => self.cpu * 1e6 / self.events as f64,
            Measure::RunsPerCpu => self.runs as f64 / self.cpu.max(1e-9),
        }
    }
}

/// Loads every server of `setup` in turns.
pub(crate) async fn run(bench: &Bench, setup: &Setup, measures: &[(Measure, Figure)]) -> anyhow::Result<Outcome> {
    let turns = bench.turns(TURN);
    let mut all: Vec<(Who, Vec<Turn>)> = setup.targets.iter().map(|target| (target.who, Vec::new())).collect();
    for round in 0..=turns {
        for (target, (_, done)) in setup.targets.iter().zip(&mut all) {
            // The first round warms up and is not counted.
            let time = if round == 0 { target.who.warm_up() } else { TURN };
            let turn = turn(bench, setup, target, time, round).await.with_context(|| target.who.name())?;
            if round > 0 {
                done.push(turn);
            }
        }
    }
    let mut figures = Vec::new();
    for (measure, figure) in measures {
        let mut figure = figure.clone();
        for (who, turns) in &all {
            let values: Vec<f64> = turns.iter().map(|turn| turn.value(*measure)).collect();
            figure.values.extend(median(&values).map(|value| (*who, value)));
        }
        figures.push(figure);
    }
    let mut costs = Vec::new();
    for (target, (who, turns)) in setup.targets.iter().zip(&all) {
        let sum = |value: fn(&Turn) -> f64| turns.iter().map(value).sum();
        let rss = target.usage()?.rss;
        costs.push(Cost { who: *who, cpu: sum(|turn| turn.cpu), wall: sum(|turn| turn.wall), rss });
    }
    let load: Vec<f64> = all.iter().flat_map(|(_, turns)| turns).map(|turn| turn.load / turn.wall).collect();
    let share = median(&load).unwrap_or(0.0) * 100.0;
    let notes =
        vec![format!("load and upstream used {share:.0}% of their core; {turns} turns, figures are medians of them")];
    Ok(Outcome { scenario: setup.scenario, what: setup.what.clone(), figures, costs, notes })
}

async fn turn(bench: &Bench, setup: &Setup, target: &Target, time: Duration, round: u64) -> anyhow::Result<Turn> {
    let before = (target.usage()?, bench.own_usage()?);
    let began = Instant::now();
    let until = began + time;
    let mut clients = JoinSet::new();
    for client in 0..bench.connections {
        let name = format!("{}-{round}-{client}", setup.scenario);
        clients.spawn(one(target.port, setup.ask.clone(), setup.expect(target.who), until, name));
    }
    let mut turn = Turn::default();
    while let Some(done) = clients.join_next().await {
        let (runs, events) = done.context("a client of the load ended early")??;
        turn.runs += runs;
        turn.events += events;
    }
    turn.wall = began.elapsed().as_secs_f64();
    turn.cpu = target.usage()?.cpu - before.0.cpu;
    turn.load = bench.own_usage()?.cpu - before.1.cpu;
    Ok(turn)
}

async fn one(port: u16, ask: Ask, expect: Expect, until: Instant, name: String) -> anyhow::Result<(u64, u64)> {
    let mut client = Client::connect(port, expect, false).await?;
    let (mut runs, mut events) = (0, 0);
    while runs == 0 || Instant::now() < until {
        client.ask(&ask.request(&format!("{name}-{runs}")), &mut |_| ()).await?;
        runs += 1;
        events += client.watch.events;
    }
    Ok((runs, events))
}
