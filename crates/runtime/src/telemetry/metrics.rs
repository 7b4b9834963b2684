//! Numbers about a server, in memory: each series is one number or one histogram.
//!
//! They are read in one piece by [`Metrics::snapshot`], as text for Prometheus by [`text`], and sent on by whoever wants
//! to. Recording takes a lock for a moment; it happens once for a request, run or call, never for an event.

mod table;
mod text;

pub use table::{Kind, Metric};
pub use text::{CONTENT_TYPE, text};

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The most series of one metric. Names that clients or remote agents choose must not fill the memory: what comes on top
/// is counted in one series whose labels all say [`OTHER`].
pub const SERIES: usize = 1_000;

/// The label of what found no place.
pub const OTHER: &str = "other";

/// The numbers.
pub struct Metrics {
    /// One for each metric.
    series: Box<[Mutex<Labelled>]>,
    /// Since when they are counted.
    pub started: SystemTime,
}

type Labelled = HashMap<Vec<String>, Value>;

/// A series: its labels, in the order of [`Metric::labels`], and what is known of it.
pub type Series = (Vec<String>, Value);

/// A number or a histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// How many lie in each bucket: one more than there are bounds.
        counts: Vec<u64>,
        /// All of them together.
        sum: f64,
    },
}

impl Default for Metrics {
    fn default() -> Self {
        Self { series: Metric::ALL.iter().map(|_| Mutex::default()).collect(), started: SystemTime::now() }
    }
}

impl Metrics {
    /// Adds to a counter or a gauge.
    pub fn add(&self, metric: Metric, labels: &[&str], number: f64) {
        self.change(metric, labels, |value| {
            if let Value::Number(total) = value {
                *total += number;
            }
        });
    }

    /// Sets a gauge, or a counter that is kept elsewhere.
    pub fn set(&self, metric: Metric, labels: &[&str], number: f64) {
        self.change(metric, labels, |value| *value = Value::Number(number));
    }

    /// Puts a value into a histogram.
    pub fn observe(&self, metric: Metric, labels: &[&str], number: f64) {
        let Kind::Histogram(bounds) = metric.kind() else { return };
        let bucket = bounds.iter().position(|bound| number <= *bound).unwrap_or(bounds.len());
        self.change(metric, labels, |value| {
            if let Value::Histogram { counts, sum } = value {
                if let Some(count) = counts.get_mut(bucket) {
                    *count += 1;
                }
                *sum += number;
            }
        });
    }

    fn change(&self, metric: Metric, labels: &[&str], change: impl FnOnce(&mut Value)) {
        debug_assert_eq!(labels.len(), metric.labels().len(), "{metric:?}");
        let mut series = self.lock(metric);
        let mut key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if !series.contains_key(&key) && series.len() >= SERIES {
            key = vec![OTHER.to_owned(); key.len()];
        }
        change(series.entry(key).or_insert_with(|| match metric.kind() {
            Kind::Histogram(bounds) => Value::Histogram { counts: vec![0; bounds.len() + 1], sum: 0.0 },
            Kind::Counter | Kind::Gauge => Value::Number(0.0),
        }));
    }

    /// A poisoned lock guards numbers that are each right by themselves.
    fn lock(&self, metric: Metric) -> MutexGuard<'_, Labelled> {
        // There is one for each metric.
        self.series[metric as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of a metric that were touched so far, by their labels.
    pub fn series(&self, metric: Metric) -> Vec<Series> {
        let mut series: Vec<Series> =
            self.lock(metric).iter().map(|(labels, value)| (labels.clone(), value.clone())).collect();
        series.sort_by(|one, other| one.0.cmp(&other.0));
        series
    }

    /// Every metric that has a series.
    pub fn snapshot(&self) -> Vec<(Metric, Vec<Series>)> {
        let all = Metric::ALL.iter().map(|metric| (*metric, self.series(*metric)));
        all.filter(|(_, series)| !series.is_empty()).collect()
    }

    /// A number, if its series was touched.
    pub fn number(&self, metric: Metric, labels: &[&str]) -> Option<f64> {
        let key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        match self.lock(metric).get(&key)? {
            Value::Number(number) => Some(*number),
            Value::Histogram { counts, .. } => Some(counts.iter().sum::<u64>() as f64),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("started", &self.started).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_bounded_and_nothing_is_lost() {
        let metrics = Metrics::default();
        for agent in 0..SERIES + 7 {
            metrics.add(Metric::RunsActive, &[&agent.to_string()], 1.0);
        }
        let series = metrics.series(Metric::RunsActive);
        assert_eq!(series.len(), SERIES + 1);
        assert_eq!(metrics.number(Metric::RunsActive, &[OTHER]), Some(7.0));
        metrics.add(Metric::RunsActive, &["0"], 1.0);
        assert_eq!(metrics.number(Metric::RunsActive, &["0"]), Some(2.0), "those that have a place keep it");
    }

    #[test]
    fn a_value_lies_in_the_bucket_of_the_first_bound_that_it_does_not_exceed() {
        let metrics = Metrics::default();
        let Kind::Histogram(bounds) = Metric::RunDuration.kind() else { panic!("a histogram") };
        let labels = ["a", "success"];
        for number in [0.0, bounds[0], bounds[0] + 1e-9, 1e9] {
            metrics.observe(Metric::RunDuration, &labels, number);
        }
        let Value::Histogram { counts, sum } = metrics.series(Metric::RunDuration)[0].1.clone() else { panic!() };
        assert_eq!((counts[0], counts[1], counts[bounds.len()]), (2, 1, 1));
        assert!(sum > 1e9);
    }
}
