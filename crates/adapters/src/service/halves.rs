//! Characters that were cut in two.
//!
//! A service or a gateway that cuts its texts by UTF-16 units, as JavaScript counts them, sends the first half of an
//! emoji at the end of one piece and the second at the beginning of the next: `"\ud83c"`, `"\udf24"`. JavaScript puts
//! them together by chance; neither half is text in any other language.

use bytes::Bytes;

/// What stands for half a character that has lost the other half.
const LOST: &[u8] = b"\\ufffd";
/// How long `\uXXXX` is.
const ESCAPE: usize = 6;

/// Puts halves together, over the payloads of one answer.
#[derive(Debug, Default)]
pub(super) struct Halves {
    /// The escape of a first half that ended a text.
    first: Option<[u8; ESCAPE]>,
}

impl Halves {
    /// The payload with whole characters only: what is half at the end of a text comes with the next one.
    pub(super) fn join(&mut self, data: Bytes) -> Bytes {
        let mut joined = Vec::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(found) = data.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
            let found = at + found;
            let Some((escape, unit)) = surrogate(&data, found) else {
                at = found + 2;
                continue;
            };
            let behind = found + ESCAPE;
            at = behind;
            if unit < LOW {
                match surrogate(&data, behind) {
                    Some((_, LOW..)) => at = behind + ESCAPE,
                    _ => {
                        joined.extend_from_slice(&data[copied..found]);
                        copied = behind;
                        match data.get(behind) {
                            Some(b'"') => self.first = Some(escape),
                            _ => joined.extend_from_slice(LOST),
                        }
                    }
                }
                continue;
            }
            joined.extend_from_slice(&data[copied..found]);
            copied = behind;
            let begins = found.checked_sub(1).is_some_and(|before| data[before] == b'"');
            match self.first.take_if(|_| begins) {
                Some(first) => joined.extend_from_slice(&[first, escape].concat()),
                None => joined.extend_from_slice(LOST),
            }
        }
        if copied == 0 && joined.is_empty() {
            return data;
        }
        joined.extend_from_slice(&data[copied..]);
        joined.into()
    }
}

/// The first unit that is a second half.
const LOW: u16 = 0xDC00;

/// The escape of half a character at this place, and its unit.
fn surrogate(data: &[u8], at: usize) -> Option<([u8; ESCAPE], u16)> {
    let escape: [u8; ESCAPE] = data.get(at..at + ESCAPE)?.try_into().ok()?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    (0xD800..=0xDFFF).contains(&unit).then_some((escape, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(payloads: &[&str]) -> Vec<String> {
        let mut halves = Halves::default();
        let join = |payload: &&str| halves.join(Bytes::copy_from_slice(payload.as_bytes()));
        payloads.iter().map(join).map(|data| String::from_utf8(data.to_vec()).unwrap()).collect()
    }

    #[test]
    fn halves_meet_again() {
        let [first, second] = [r#"{"delta":"a\ud83c"}"#, r#"{"delta":"\uDF24b"}"#];
        assert_eq!(joined(&[first, second]), [r#"{"delta":"a"}"#, r#"{"delta":"\ud83c\uDF24b"}"#]);
        // Whatever comes in between.
        let between = r#"{"type":"ping"}"#;
        assert_eq!(joined(&[first, between, second])[2], r#"{"delta":"\ud83c\uDF24b"}"#);
        // Two in a row.
        let chain = joined(&[r#""\ud83c""#, r#""\udf24\ud83c""#, r#""\udf24""#]);
        assert_eq!(chain, [r#""""#, r#""\ud83c\udf24""#, r#""\ud83c\udf24""#]);
        let texts: String = chain.iter().map(|text| serde_json::from_str::<String>(text).unwrap()).collect();
        assert_eq!(texts, "\u{1F324}\u{1F324}");
    }

    #[test]
    fn what_is_whole_is_not_touched() {
        for payload in
            [r#"{"a":"\ud83c\udf24 \u00e9 \n \\ud83c \"x\""}"#, r#"{"a":"plain 🌤"}"#, r#""\\""#, r#""\u12"#, "\\", ""]
        {
            let data = Bytes::copy_from_slice(payload.as_bytes());
            let same = Halves::default().join(data.clone());
            assert_eq!(same, data);
            assert_eq!(same.as_ptr(), data.as_ptr(), "copied: {payload}");
        }
    }

    #[test]
    fn a_half_that_stays_alone_is_told() {
        let expected = [r#""x\ufffdy""#, r#""\ufffd""#, r#""a\ufffd""#];
        assert_eq!(joined(&[r#""x\ud83cy""#, r#""\udf24""#, r#""a\udf24""#]), expected);
    }
}
