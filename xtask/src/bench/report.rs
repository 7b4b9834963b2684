//! What was measured, as a table, as Markdown and as JSON.

use super::who::Who;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Goal {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::AtMost(bound) => format!("<= {} {unit}", number(bound)),
            Self::AtLeast(bound) => format!(">= {} {unit}", number(bound)),
        }
    }
}

/// One figure of every server.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// What ours should be.
    pub(crate) goal: Option<Goal>,
    /// What each server has.
    pub(crate) values: Vec<(Who, f64)>,
}

impl Figure {
    /// A figure without values.
    pub(crate) fn new(name: &'static str, unit: &'static str, goal: Option<Goal>) -> Self {
        Self { name, unit, goal, values: Vec::new() }
    }

    fn of(&self, who: Who) -> Option<f64> {
        self.values.iter().find(|(found, _)| *found == who).map(|(_, value)| *value)
    }

    /// Ours divided by that of another.
    fn ratio(&self, who: Who) -> Option<f64> {
        let (ours, other) = (self.of(Who::Ours)?, self.of(who)?);
        (other > 0.0).then_some(ours / other)
    }

    fn verdict(&self) -> &'static str {
        match (self.goal, self.of(Who::Ours)) {
            (Some(goal), Some(value)) if goal.met(value) => "met",
            (Some(_), _) => "missed",
            (None, _) => "",
        }
    }
}

/// What a server used while it was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Whose.
    pub(crate) who: Who,
    /// CPU time in seconds.
    pub(crate) cpu: f64,
    /// How long that took, in seconds.
    pub(crate) wall: f64,
    /// Memory at the end, in MiB.
    pub(crate) rss: f64,
}

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) scenario: &'static str,
    /// What was done.
    pub(crate) what: String,
    /// What came out.
    pub(crate) figures: Vec<Figure>,
    /// What it cost.
    pub(crate) costs: Vec<Cost>,
    /// What to know about it.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("\n{}: {}\n", self.scenario, self.what);
        let mut line = |text: String| {
            // Writing into a text cannot fail.
            let _ = writeln!(out, "  {}", text.trim_end());
        };
        let heads: String =
            self.figures.iter().map(|figure| format!("{:>30}", format!("{} {}", figure.name, figure.unit))).collect();
        line(format!("{:8}{:>9}{:>10}{:>10}{heads}", "server", "CPU s", "of wall", "RSS MiB"));
        for cost in &self.costs {
            let share = cost.cpu / cost.wall.max(1e-9) * 100.0;
            let values: String = self
                .figures
                .iter()
                .map(|figure| format!("{:>30}", figure.of(cost.who).map_or("-".to_owned(), number)))
                .collect();
            line(format!("{:8}{:>9.2}{:>9.0}%{:>10.1}{values}", cost.who.name(), cost.cpu, share, cost.rss));
        }
        for figure in &self.figures {
            let Some(ours) = figure.of(Who::Ours) else { continue };
            let mut text = format!("{}: {} {}", figure.name, number(ours), figure.unit);
            if let Some(goal) = figure.goal {
                let _ = write!(text, "; goal {}: {}", goal.text(figure.unit), figure.verdict());
            }
            for (who, _) in figure.values.iter().filter(|(who, _)| *who != Who::Ours) {
                if let Some(ratio) = figure.ratio(*who) {
                    let _ = write!(text, "; {} x {}", number(ratio), who.name());
                }
            }
            line(text);
        }
        for note in &self.notes {
            line(format!("note: {note}"));
        }
        out
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                let values: serde_json::Map<_, _> =
                    figure.values.iter().map(|(who, value)| (who.name().to_owned(), json!(value))).collect();
                let ratios: serde_json::Map<_, _> = figure
                    .values
                    .iter()
                    .filter(|(who, _)| *who != Who::Ours)
                    .filter_map(|(who, _)| Some((who.name().to_owned(), json!(figure.ratio(*who)?))))
                    .collect();
                json!({
                    "name": figure.name, "unit": figure.unit, "values": values, "ratios": ratios,
                    "goal": figure.goal.map(|goal| goal.text(figure.unit)),
                    "met": figure.goal.map(|_| figure.verdict() == "met"),
                })
            })
            .collect();
        let costs: Vec<Value> = self
            .costs
            .iter()
            .map(|cost| {
                json!({ "server": cost.who.name(), "cpuSeconds": cost.cpu, "wallSeconds": cost.wall, "rssMiB": cost.rss })
            })
            .collect();
        json!({
            "scenario": self.scenario, "what": self.what, "figures": figures, "costs": costs, "notes": self.notes,
        })
    }
}

/// The rows of a Markdown table, one for each figure.
pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let peers: Vec<Who> = [Who::Node, Who::Python]
        .into_iter()
        .filter(|peer| outcomes.iter().any(|outcome| outcome.figures.iter().any(|figure| figure.of(*peer).is_some())))
        .collect();
    let limits = [Who::Relay, Who::Bare];
    let mut out = String::from("| scenario | figure | ours | goal | | relay | bare | ours : relay | ours : bare |");
    peers.iter().for_each(|peer| out += &format!(" {0} | ours : {0} |", peer.name()));
    out += "\n|---|---|--:|--:|---|--:|--:|--:|--:|";
    out += &"--:|--:|".repeat(peers.len());
    out.push('\n');
    for outcome in outcomes {
        for figure in &outcome.figures {
            let Some(ours) = figure.of(Who::Ours) else { continue };
            let cell = |value: Option<f64>| value.map_or(String::new(), number);
            let goal = figure.goal.map_or(String::new(), |goal| goal.text("").trim().to_owned());
            let mut cells = vec![
                format!("`{}`", outcome.scenario),
                format!("{}, {}", figure.name, figure.unit).trim_end_matches([',', ' ']).to_owned(),
                number(ours),
                goal,
                figure.verdict().to_owned(),
            ];
            cells.extend(limits.iter().map(|who| cell(figure.of(*who))));
            cells.extend(limits.iter().map(|who| cell(figure.ratio(*who))));
            cells.extend(peers.iter().flat_map(|who| [cell(figure.of(*who)), cell(figure.ratio(*who))]));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out
}

/// Three digits that mean something; thousands are grouped.
fn number(value: f64) -> String {
    let size = value.abs();
    if size < 1_000.0 {
        let decimals = if size >= 100.0 {
            0
        } else if size >= 10.0 {
            1
        } else {
            2
        };
        let text = format!("{value:.decimals$}");
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    let digits = format!("{:.0}", size);
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0.0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let mut figure = Figure::new("CPU per event", "us", Some(Goal::AtMost(4.0)));
        figure.values = vec![(Who::Ours, 2.0), (Who::Relay, 4.0), (Who::Bare, 0.5), (Who::Node, 60.0)];
        let cost = Cost { who: Who::Ours, cpu: 1.0, wall: 2.0, rss: 10.0 };
        Outcome { scenario: "s", what: "w".into(), figures: vec![figure], costs: vec![cost], notes: vec!["n".into()] }
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.456, 1.5, 12.34, 123.4, 1234.5, 1_234_567.0, -2_000.0].map(number);
        assert_eq!(texts, ["0", "0.46", "1.5", "12.3", "123", "1,234", "1,234,567", "-2,000"]);
        assert_eq!(number(100.0), "100");
    }

    #[test]
    fn goals_are_judged() {
        assert!(Goal::AtMost(4.0).met(4.0) && !Goal::AtMost(4.0).met(4.1));
        assert!(Goal::AtLeast(4.0).met(4.0) && !Goal::AtLeast(4.0).met(3.9));
        let mut figure = Figure::new("a", "b", Some(Goal::AtLeast(1.0)));
        assert_eq!(figure.verdict(), "missed");
        figure.values.push((Who::Ours, 1.0));
        assert_eq!(figure.verdict(), "met");
    }

    #[test]
    fn every_form_holds_figure_goal_and_ratios() {
        let text = outcome().text();
        assert!(text.contains("CPU per event: 2 us; goal <= 4 us: met; 0.5 x relay; 4 x bare; 0.03 x node"), "{text}");
        let row = markdown(&[outcome()]);
        let expected = "| `s` | CPU per event, us | 2 | <= 4 | met | 4 | 0.5 | 0.5 | 4 | 60 | 0.03 |\n";
        assert!(row.ends_with(expected), "{row}");
        let lines: Vec<usize> = row.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(lines, [12, 12, 12]);
        let value = outcome().json();
        assert_eq!(value["figures"][0]["met"], true);
        assert_eq!(value["figures"][0]["ratios"]["bare"], 4.0);
    }
}
