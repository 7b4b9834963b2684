//! `docs/limits.md`: the constants of the runtime's limits, with the reasons in their doc comments.

use anyhow::{Context, bail};
use std::collections::BTreeMap;

/// Where the constants are.
pub(crate) const SOURCE: &str = "crates/runtime/src/limits.rs";

const HEAD: &str = "# Limits

<!-- Generated from crates/runtime/src/limits.rs by `cargo xtask schema`. Changes here are lost. -->

Every wait has a deadline and every buffer a bound. These are the values, and why they are what they are. Where a key is named, the [configuration](configuration.md) can set another value; the rest are constants of `copilotkit_runtime::limits`.

| limit | value | key | why |
|---|---|---|---|
";

/// One constant.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    name: String,
    value: String,
    reason: String,
}

/// The page. `keys` are the configuration's, by their last part.
pub(crate) fn page(source: &str, keys: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    for limit in parse(source)? {
        let key = keys.get(&limit.name.to_lowercase()).map(|key| format!("`{key}`")).unwrap_or_default();
        let Limit { name, value, reason } = limit;
        page.push_str(&format!("| `{name}` | {value} | {key} | {} |\n", reason.replace('|', "\\|")));
    }
    Ok(page)
}

fn parse(source: &str) -> anyhow::Result<Vec<Limit>> {
    let mut limits = Vec::new();
    let mut reason: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            reason.push(text.trim());
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let (name, rest) = rest.split_once(": ").with_context(|| format!("a constant without a type: {line}"))?;
            let (kind, value) = rest
                .trim_end_matches(';')
                .split_once(" = ")
                .with_context(|| format!("a constant that does not stand on one line: {line}"))?;
            let value = value_of(kind, value).with_context(|| format!("the value of {name}"))?;
            if reason.is_empty() {
                bail!("{name} has no doc comment: say why it is what it is");
            }
            limits.push(Limit { name: name.to_owned(), value, reason: reason.join(" ") });
            reason.clear();
        } else if !line.is_empty() {
            reason.clear();
        }
    }
    Ok(limits)
}

fn value_of(kind: &str, text: &str) -> anyhow::Result<String> {
    if kind == "Duration" {
        let text = text.strip_prefix("Duration::from_").context("a duration that is not made by from_…")?;
        let (unit, number) = text.trim_end_matches(')').split_once('(').context("a duration without a number")?;
        let millis = match unit {
            "secs" => 1_000,
            "millis" => 1,
            other => bail!("the unit {other}"),
        };
        return Ok(duration(number_of(number)? * millis));
    }
    let number = number_of(text)?;
    // A product of 1024s counts bytes.
    Ok(if text.contains("1024") { size(number) } else { thousands(number) })
}

/// A sum or difference of products of whole numbers.
fn number_of(text: &str) -> anyhow::Result<u64> {
    let mut total: u64 = 0;
    for (index, part) in text.replace(" - ", " + -").split(" + ").enumerate() {
        let (negative, part) = part.strip_prefix('-').map_or((false, part), |part| (true, part));
        let product = part.split('*').try_fold(1_u64, |product, factor| {
            let factor: u64 = factor.trim().replace('_', "").parse().with_context(|| format!("`{factor}`"))?;
            product.checked_mul(factor).context("too large")
        })?;
        let sum = if negative { total.checked_sub(product) } else { total.checked_add(product) };
        total = sum.with_context(|| format!("part {index} of {text}"))?;
    }
    Ok(total)
}

fn duration(millis: u64) -> String {
    match millis {
        ms if ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{} bytes", thousands(bytes)),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_have_values_and_reasons() {
        let source = "//! Doc\nuse a;\n/// One.\n/// More.\npub const A_B: Duration = Duration::from_secs(60 * 60);\n\
            /// Two | three.\npub const C: usize = 10 * 1024 * 1024 - 64;\n/// Four.\npub const D: u64 = 50_000;\n";
        let keys = BTreeMap::from([("d".to_owned(), "limits.d".to_owned())]);
        let page = page(source, &keys).unwrap();
        let rows = "| `A_B` | 1 h |  | One. More. |\n| `C` | 10,485,696 bytes |  | Two \\| three. |\n\
            | `D` | 50,000 | `limits.d` | Four. |\n";
        assert!(page.ends_with(rows), "{page}");
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for source in
            ["pub const A: u64 = 5;", "/// Why.\npub const A: u64 = B;", "/// Why.\npub const A: u64 =\n    5;"]
        {
            assert!(parse(source).is_err(), "{source}");
        }
    }

    #[test]
    fn values_are_written_for_people() {
        assert_eq!(value_of("Duration", "Duration::from_millis(400)").unwrap(), "400 ms");
        assert_eq!(value_of("Duration", "Duration::from_secs(300)").unwrap(), "5 min");
        assert_eq!(value_of("usize", "256 * 1024").unwrap(), "256 KiB");
        assert_eq!(value_of("usize", "10_000").unwrap(), "10,000");
    }
}
