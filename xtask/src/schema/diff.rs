//! A short answer to what differs between two texts.

/// The most differing lines that are shown.
const MOST: usize = 12;

/// The lines between the common start and the common end, the first of them.
pub(crate) fn short(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (old.get(start..).unwrap_or_default(), new.get(start..).unwrap_or_default());
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let middle =
        |lines: &[&str]| lines.iter().take(lines.len() - end).map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let mut out = format!("  line {}:\n", start + 1);
    for (sign, lines) in [('-', middle(old_rest)), ('+', middle(new_rest))] {
        for line in lines.iter().take(MOST) {
            out.push_str(&format!("  {sign} {line}\n"));
        }
        if lines.len() > MOST {
            out.push_str(&format!("  {sign} … and {} more lines\n", lines.len() - MOST));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_left_out() {
        assert_eq!(short("a\nb\nc\n", "a\nx\ny\nc\n"), "  line 2:\n  - b\n  + x\n  + y\n");
        assert_eq!(short("", "a\n"), "  line 1:\n  + a\n");
        assert_eq!(short("a\na\n", "a\n"), "  line 2:\n  - a\n");
        assert!(short("", &"x\n".repeat(40)).ends_with("… and 28 more lines\n"));
    }
}
