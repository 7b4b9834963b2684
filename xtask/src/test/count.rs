//! Counting what test runners report.

use std::collections::BTreeSet;

/// Whose output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `test result:` lines, one for each test binary.
    Cargo,
    /// The summary of `node --test`.
    Node,
}

/// How many tests passed and failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    runner: Runner,
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed or were cancelled.
    pub(crate) failed: u64,
    /// The files that Node says failures are in.
    pub(crate) files: BTreeSet<String>,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new(runner: Runner) -> Self {
        Self { runner, passed: 0, failed: 0, files: BTreeSet::new() }
    }

    /// Takes one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        match self.runner {
            Runner::Cargo => self.cargo(line),
            Runner::Node => self.node(line),
        }
    }

    fn cargo(&mut self, line: &str) {
        // The harness starts a line with it; a test that prints it somewhere else is not counted.
        let Some(counts) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.1.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    fn node(&mut self, line: &str) {
        if let Some(place) = line.strip_prefix("test at ") {
            // `file:line:column`
            self.files.extend(place.rsplitn(3, ':').nth(2).map(str::to_owned));
            return;
        }
        let Some(rest) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) else {
            return;
        };
        let Some((what, number)) = rest.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse::<u64>() else {
            return;
        };
        match what {
            "pass" => self.passed += number,
            "fail" | "cancelled" => self.failed += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(runner: Runner, text: &str) -> (u64, u64) {
        let mut tally = Tally::new(runner);
        text.lines().for_each(|line| tally.line(line));
        (tally.passed, tally.failed)
    }

    #[test]
    fn every_test_binary_of_cargo_counts() {
        let text = "running 3 tests\ntest a ... ok\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.10s\n\
            a test said: test result: ok. 100 passed; 0 failed\n";
        assert_eq!(count(Runner::Cargo, text), (16, 2));
    }

    #[test]
    fn node_tells_where_failures_are() {
        let mut tally = Tally::new(Runner::Node);
        let text = "ℹ fail 3\n✖ failing tests:\n\ntest at browser/a.test.mjs:37:19\n✖ so (2 ms)\ntest at browser/a.test.mjs:4:1\ntest at node/b.test.mjs:1:2\n";
        text.lines().for_each(|line| tally.line(line));
        assert_eq!(tally.files.iter().collect::<Vec<_>>(), ["browser/a.test.mjs", "node/b.test.mjs"]);
    }

    #[test]
    fn both_summaries_of_node_count() {
        let spec = "ℹ tests 10\nℹ suites 2\nℹ pass 7\nℹ fail 1\nℹ cancelled 2\nℹ skipped 0\nℹ duration_ms 12.5\n";
        assert_eq!(count(Runner::Node, spec), (7, 3));
        assert_eq!(count(Runner::Node, "# pass 5\n# fail 0\n# a comment pass 9\n"), (5, 0));
    }
}
