//! When a call is tried again, and how long to wait before.

use reqwest::header::HeaderMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest wait that is chosen here.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(8);
/// The longest wait that a service may ask for; above it the own delay counts.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// What a service says about another try: `x-should-retry` of OpenAI and those who follow it.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// How long the service asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()).map(|millis| millis / 1000.0);
    let seconds = millis.or_else(|| {
        let text = text("retry-after")?;
        text.parse::<f64>().ok().or_else(|| {
            let at = http_date(text)?;
            let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
            Some((at as f64 - now).max(0.0))
        })
    })?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The wait before try number `retry` (the first retry is 0): what the service asked for if that is bearable, else
/// `base` doubled each time, less up to a quarter so that many callers do not come back together.
pub(super) fn delay(base: Duration, retry: u32, asked: Option<Duration>, random: u8) -> Duration {
    if let Some(asked) = asked.filter(|asked| *asked < ASKED_MAX) {
        return asked;
    }
    let full = base.saturating_mul(2u32.saturating_pow(retry)).min(DELAY_MAX);
    full - full / 4 * u32::from(random) / 255
}

/// Seconds since the epoch of `Sun, 06 Nov 1994 08:49:37 GMT`, the form that servers must send.
fn http_date(text: &str) -> Option<i64> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = words.next()?;
    let month = months.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Days since the epoch in the proleptic Gregorian calendar, with the year beginning in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn asked(name: &'static str, value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        retry_after(&headers, UNIX_EPOCH + Duration::from_secs(784_111_770))
    }

    #[test]
    fn waits_are_read_in_every_form() {
        assert_eq!(asked("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(asked("retry-after", "1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(asked("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(asked("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["-3", "soon", "NaN", "inf", "Sun, 06 Foo 1994 08:49:37 GMT"] {
            assert_eq!(asked("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn dates_count_leap_days() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Fri, 01 Mar 2024 00:00:00 GMT"), Some(1_709_251_200));
    }

    #[test]
    fn delays_double_up_to_a_bound_and_long_waits_are_not_obeyed() {
        let base = Duration::from_millis(500);
        assert_eq!(delay(base, 0, None, 0), base);
        assert_eq!(delay(base, 2, None, 0), base * 4);
        assert_eq!(delay(base, 30, None, 0), DELAY_MAX);
        assert_eq!(delay(base, 0, None, 255), Duration::from_millis(375));
        assert_eq!(delay(base, 0, Some(Duration::from_secs(3)), 9), Duration::from_secs(3));
        assert_eq!(delay(base, 0, Some(Duration::from_secs(60)), 0), base);
    }
}
