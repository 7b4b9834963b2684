//! Many streams at once: how many one core carries, and what an open one holds.

use super::client::Client;
use super::driver::Bench;
use super::report::{Cost, Figure, Goal, Outcome};
use super::setup::Setup;
use super::stats::percentile;
use super::target::Target;
use anyhow::{Context, ensure};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Deltas of each stream in a second, where as many streams as possible are carried.
pub(crate) const RATE: u32 = 50;
/// The numbers of streams that are tried.
const STEPS: [u64; 11] = [250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000, 4_000];
/// The time over which the streams of a step begin.
const SPREAD: Duration = Duration::from_millis(500);
/// How long they are let run before they are measured.
const SETTLE: Duration = Duration::from_millis(300);
/// How long a step is measured.
const STEP: Duration = Duration::from_millis(1_200);
/// The latest that one event in a hundred may be, in nanoseconds.
const LATEST: u64 = 50_000_000;

/// Streams with one delta a second.
pub(crate) const OPEN: u64 = 2_000;
/// The time over which they begin.
const OPEN_SPREAD: Duration = Duration::from_secs(2);
/// Deltas of each of them.
pub(crate) const OPEN_DELTAS: u32 = 5;

/// What all streams of one server have received.
#[derive(Clone, Default)]
struct Ages(Arc<Mutex<Vec<u64>>>);

impl Ages {
    fn add(&self, ages: &mut Vec<u64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(ages);
    }

    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The streams of the load on one server.
struct Streams<'a> {
    setup: &'a Setup,
    target: &'a Target,
    name: &'static str,
    ages: Ages,
    tasks: JoinSet<anyhow::Result<()>>,
    count: u64,
}

impl<'a> Streams<'a> {
    /// `name` goes into the ids of their threads.
    fn new(setup: &'a Setup, target: &'a Target, name: &'static str) -> Self {
        Self { setup, target, name, ages: Ages::default(), tasks: JoinSet::new(), count: 0 }
    }

    /// Begins streams until there are `count`, spread over `spread`.
    fn grow(&mut self, count: u64, spread: Duration) {
        let more = count.saturating_sub(self.count);
        for index in 0..more {
            let (port, expect) = (self.target.port, self.setup.expect(self.target.who));
            let request = self.setup.ask.request(&format!("{}-{}", self.name, self.count + index));
            let ages = self.ages.clone();
            let wait = spread.mul_f64(index as f64 / more as f64);
            self.tasks.spawn(async move {
                sleep(wait).await;
                let mut client = Client::connect(port, expect, true).await?;
                client.ask(&request, &mut |watch| ages.add(&mut watch.ages)).await?;
                Ok(())
            });
        }
        self.count += more;
    }

    /// Fails when a stream has ended, which none should by now.
    fn alive(&mut self) -> anyhow::Result<()> {
        match self.tasks.try_join_next() {
            None => Ok(()),
            Some(ended) => {
                ended.context("a stream of the load broke")??;
                anyhow::bail!("a stream ended early")
            }
        }
    }
}

/// What one step came to.
struct Step {
    share: f64,
    load: f64,
    p99: u64,
    delivered: f64,
    cpu_per_event: f64,
}

impl Step {
    fn carried(&self) -> bool {
        self.p99 <= LATEST && self.delivered >= 0.97 && self.share < 0.98
    }
}

/// Adds streams to each server until it is full.
pub(crate) async fn ramp(bench: &Bench, setup: Setup) -> anyhow::Result<Outcome> {
    let mut most = Figure::new("streams on one core", "", Some(Goal::AtLeast(1_000.0)));
    let mut cpu = Figure::new("CPU per event there", "us", None);
    let (mut costs, mut notes) = (Vec::new(), Vec::new());
    for target in &setup.targets {
        let began = Instant::now();
        let mut streams = Streams::new(&setup, target, setup.scenario);
        let mut best: Option<(u64, Step)> = None;
        let mut why = format!("it was not tried with more than {}", STEPS[STEPS.len() - 1]);
        for count in STEPS {
            streams.grow(count, SPREAD);
            sleep(SPREAD + SETTLE).await;
            let mut step = measure(bench, &mut streams).await.with_context(|| target.who.name())?;
            if !step.carried() {
                // Others may have had the machine for a moment.
                sleep(SETTLE).await;
                step = measure(bench, &mut streams).await.with_context(|| target.who.name())?;
            }
            if !step.carried() {
                why = format!(
                    "with {count} its core was {:.0}% busy, the load's {:.0}%, p99 {:.1} ms, {:.0}% delivered",
                    step.share * 100.0,
                    step.load * 100.0,
                    step.p99 as f64 / 1e6,
                    step.delivered * 100.0
                );
                break;
            }
            best = Some((count, step));
        }
        let (count, said) = match &best {
            Some((count, step)) => {
                cpu.values.push((target.who, step.cpu_per_event));
                let (share, p99) = (step.share * 100.0, step.p99 as f64 / 1e6);
                (*count, format!("{count} streams took {share:.0}% of its core, p99 {p99:.1} ms"))
            }
            None => (0, "no number of streams was carried".to_owned()),
        };
        most.values.push((target.who, count as f64));
        notes.push(format!("{}: {said}; {why}", target.who.name()));
        let used = target.usage()?;
        costs.push(Cost { who: target.who, cpu: used.cpu, wall: began.elapsed().as_secs_f64(), rss: used.rss });
        drop(streams);
        // The server sees that its streams are gone before the next one is measured.
        sleep(SETTLE).await;
    }
    Ok(Outcome { scenario: setup.scenario, what: setup.what, figures: vec![most, cpu], costs, notes })
}

async fn measure(bench: &Bench, streams: &mut Streams<'_>) -> anyhow::Result<Step> {
    streams.ages.take();
    let before = (streams.target.usage()?, bench.own_usage()?);
    let began = Instant::now();
    sleep(STEP).await;
    let wall = began.elapsed().as_secs_f64();
    let mut ages = streams.ages.take();
    let cpu = streams.target.usage()?.cpu - before.0.cpu;
    streams.alive()?;
    let events = ages.len().max(1) as f64;
    Ok(Step {
        share: cpu / wall,
        load: (bench.own_usage()?.cpu - before.1.cpu) / wall,
        p99: percentile(&mut ages, 99.0),
        delivered: events / (streams.count as f64 * f64::from(RATE) * wall),
        cpu_per_event: cpu * 1e6 / events,
    })
}

/// Opens slow streams at each server, and looks at its memory; `goal` is that of a stream, in KiB.
pub(crate) async fn open(setup: Setup, goal: f64) -> anyhow::Result<Outcome> {
    let mut memory = Figure::new("memory per stream", "KiB", Some(Goal::AtMost(goal)));
    let mut late = Figure::new("event latency p99", "ms", Some(Goal::AtMost(3.0)));
    let mut costs = Vec::new();
    for target in &setup.targets {
        // What a server needs for its first run belongs to none of the streams.
        let mut first = Streams::new(&setup, target, "warm");
        first.grow(1, Duration::ZERO);
        sleep(SETTLE).await;
        drop(first);
        let (before, began) = (target.usage()?, Instant::now());
        let mut streams = Streams::new(&setup, target, setup.scenario);
        streams.grow(OPEN, OPEN_SPREAD);
        let mut rss = before.rss;
        let mut ended = 0;
        while ended < OPEN {
            match tokio::time::timeout(Duration::from_millis(200), streams.tasks.join_next()).await {
                Ok(Some(done)) => {
                    done.context("a stream of the load broke")?.with_context(|| target.who.name())?;
                    ended += 1;
                }
                Ok(None) => break,
                Err(_) => {}
            }
            if ended == 0 {
                rss = rss.max(target.usage()?.rss);
            }
        }
        let mut ages = streams.ages.take();
        ensure!(ages.len() as u64 == OPEN * u64::from(OPEN_DELTAS), "{} lost events", target.who.name());
        memory.values.push((target.who, (rss - before.rss) * 1024.0 / OPEN as f64));
        late.values.push((target.who, percentile(&mut ages, 99.0) as f64 / 1e6));
        let cpu = target.usage()?.cpu - before.cpu;
        costs.push(Cost { who: target.who, cpu, wall: began.elapsed().as_secs_f64(), rss });
    }
    let notes = vec![format!("all {} deltas came through every server", OPEN * u64::from(OPEN_DELTAS))];
    Ok(Outcome { scenario: setup.scenario, what: setup.what, figures: vec![memory, late], costs, notes })
}
