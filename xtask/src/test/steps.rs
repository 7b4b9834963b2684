//! Steps: announced, timed, and summed up in a table.

use super::count::{Runner, Tally};
use crate::process::{self, Ended};
use std::process::Command;
use std::time::{Duration, Instant};

/// How a step went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it must.
    Good,
    /// As it must, but not at the first try: what it was.
    Unsteady(String),
    /// Not, and why.
    Bad(String),
    /// It was not tried, and why.
    Skipped(String),
}

struct Step {
    name: String,
    outcome: Outcome,
    took: Duration,
    tally: Option<Tally>,
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    /// Does a step; true when it was good.
    pub(crate) fn add(&mut self, name: &str, what: &str, run: impl FnOnce() -> anyhow::Result<Outcome>) -> bool {
        self.perform(name, what, None, |_| run())
    }

    /// Does a step whose tests are counted.
    pub(crate) fn run_tests(
        &mut self,
        name: &str,
        what: &str,
        runner: Runner,
        run: impl FnOnce(&mut Tally) -> anyhow::Result<Outcome>,
    ) -> bool {
        self.perform(name, what, Some(Tally::new(runner)), |tally| match tally {
            Some(tally) => run(tally),
            None => Ok(Outcome::Good),
        })
    }

    /// Notes a step that is not tried.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("\n=== {name}: skipped, {why}");
        let outcome = Outcome::Skipped(why.to_owned());
        self.0.push(Step { name: name.to_owned(), outcome, took: Duration::ZERO, tally: None });
    }

    fn perform(
        &mut self,
        name: &str,
        what: &str,
        mut tally: Option<Tally>,
        run: impl FnOnce(Option<&mut Tally>) -> anyhow::Result<Outcome>,
    ) -> bool {
        println!("\n=== {name}: {what}");
        let began = Instant::now();
        let outcome = run(tally.as_mut()).unwrap_or_else(|error| Outcome::Bad(format!("{error:#}")));
        let took = began.elapsed();
        let good = matches!(outcome, Outcome::Good | Outcome::Unsteady(_));
        println!("=== {name}: {} after {}", word(&outcome), seconds(took));
        if let Outcome::Bad(why) | Outcome::Skipped(why) | Outcome::Unsteady(why) = &outcome {
            println!("    {why}");
        }
        self.0.push(Step { name: name.to_owned(), outcome, took, tally });
        good
    }

    /// Prints the table and the last line; true when nothing failed.
    pub(crate) fn summary(&self) -> bool {
        let width = self.0.iter().map(|step| step.name.len()).max().unwrap_or(0);
        println!("\n{:width$}  {:>8}  {:>8}  {:>6}  {:>6}", "step", "", "time", "passed", "failed");
        for step in &self.0 {
            let (passed, failed) = match &step.tally {
                Some(tally) => (tally.passed.to_string(), tally.failed.to_string()),
                None => Default::default(),
            };
            let (name, word, took) = (&step.name, word(&step.outcome), seconds(step.took));
            let why = match &step.outcome {
                Outcome::Good => "",
                Outcome::Bad(why) | Outcome::Skipped(why) | Outcome::Unsteady(why) => {
                    why.lines().next().unwrap_or_default()
                }
            };
            println!("{}", format!("{name:width$}  {word:>8}  {took:>8}  {passed:>6}  {failed:>6}  {why}").trim_end());
        }
        let (passed, failed) = self.total();
        println!("\n{passed} passed, {failed} failed");
        failed == 0
    }

    /// Tests that passed and failed. A bad step that counted no failure counts as one, so that it cannot be overlooked.
    fn total(&self) -> (u64, u64) {
        let passed = self.0.iter().filter_map(|step| step.tally.as_ref()).map(|tally| tally.passed).sum();
        let failed = self.0.iter().map(|step| {
            let counted = step.tally.as_ref().map_or(0, |tally| tally.failed);
            counted.max(u64::from(matches!(step.outcome, Outcome::Bad(_))))
        });
        (passed, failed.sum())
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Good => "ok",
        Outcome::Unsteady(_) => "unsteady",
        Outcome::Bad(_) => "FAILED",
        Outcome::Skipped(_) => "skipped",
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Runs a command as a step.
pub(crate) fn command(
    command: &mut Command,
    limit: Duration,
    mut tally: Option<&mut Tally>,
) -> anyhow::Result<Outcome> {
    let ended = process::stream(command, limit, &mut |line| {
        if let Some(tally) = &mut tally {
            tally.line(line);
        }
    })?;
    Ok(match ended {
        // A runner that says it is well and counts a failure is not believed.
        Ended::Well => match tally {
            Some(tally) if tally.failed > 0 => Outcome::Bad("tests failed".to_owned()),
            Some(tally) if tally.passed == 0 => {
                Outcome::Bad("no test ran, or its summary was not understood".to_owned())
            }
            _ => Outcome::Good,
        },
        Ended::Badly(Some(code)) => Outcome::Bad(format!("ended with code {code}")),
        Ended::Badly(None) => Outcome::Bad("ended by a signal".to_owned()),
        Ended::TimedOut => Outcome::Bad(format!("took longer than {} and was ended", seconds(limit))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(steps: &mut Steps, script: &str) -> bool {
        steps.run_tests("t", script, Runner::Cargo, |tally| {
            command(Command::new("sh").args(["-c", script]), Duration::from_secs(20), Some(tally))
        })
    }

    #[test]
    fn failures_are_counted_once() {
        let mut steps = Steps::default();
        assert!(counted(&mut steps, "echo 'test result: ok. 5 passed; 0 failed'"));
        assert!(!counted(&mut steps, "echo 'test result: FAILED. 1 passed; 2 failed'; exit 101"));
        assert!(!counted(&mut steps, "exit 101"));
        assert!(!counted(&mut steps, "echo nothing"));
        steps.skip("s", "no reason");
        assert!(!steps.add("a", "", || Ok(Outcome::Bad("so".to_owned()))));
        assert!(!steps.add("b", "", || anyhow::bail!("broken")));
        assert_eq!(steps.total(), (6, 6));
        assert!(!steps.summary());
    }

    #[test]
    fn what_passes_at_the_second_try_is_no_failure_and_is_seen() {
        let mut steps = Steps::default();
        assert!(steps.add("a", "", || Ok(Outcome::Unsteady("browser/a.test.mjs".to_owned()))));
        assert!(steps.summary());
    }

    #[test]
    fn skipped_steps_are_no_failures() {
        let mut steps = Steps::default();
        steps.add("a", "", || Ok(Outcome::Skipped("absent".to_owned())));
        assert!(steps.summary());
    }
}
