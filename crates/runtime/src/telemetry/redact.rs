//! Secrets in text that is about to be kept: lines of the log, content of spans.
//!
//! This is a net, not a wall. What does not look like a secret passes, so nothing is logged that is known to be one.

use std::borrow::Cow;

/// What stands in the place of a secret.
pub const BLOT: &str = "[redacted]";

/// What a secret looks like: how it begins, and what follows.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    /// Its beginning, which stays: it tells what it was.
    prefix: &'static str,
    /// Whether the case of the beginning matters.
    exact: bool,
    /// The fewest characters behind it.
    min: usize,
    /// Whether there must be a digit among them, so that words are left alone.
    digit: bool,
}

const fn key(prefix: &'static str, min: usize) -> Pattern {
    Pattern { prefix, exact: true, min, digit: false }
}

const fn scheme(prefix: &'static str) -> Pattern {
    Pattern { prefix, exact: false, min: 8, digit: true }
}

/// Every kind of secret that is known by how it begins. The longer of two beginnings stands first.
const PATTERNS: &[Pattern] = &[
    scheme("bearer "),
    scheme("basic "),
    key("sk-ant-", 16),
    key("sk-proj-", 16),
    key("sk-lf-", 16),
    key("sk-or-", 16),
    key("sk-", 16),
    key("sk_live_", 12),
    key("sk_test_", 12),
    key("rk_live_", 12),
    key("whsec_", 12),
    key("gsk_", 16),
    key("xai-", 16),
    key("hf_", 16),
    key("r8_", 16),
    key("nvapi-", 16),
    key("pplx-", 16),
    key("AIza", 30),
    key("ya29.", 16),
    key("AKIA", 16),
    key("ASIA", 16),
    key("ghp_", 20),
    key("gho_", 20),
    key("ghs_", 20),
    key("ghu_", 20),
    key("github_pat_", 20),
    key("glpat-", 16),
    key("npm_", 30),
    key("pypi-", 30),
    key("xoxb-", 10),
    key("xoxp-", 10),
    key("xoxa-", 10),
    key("SG.", 20),
    key("dop_v1_", 20),
    // A JSON Web Token: `{"` in base64.
    key("eyJ", 20),
];

/// Names whose values are secrets, in `name=value`, `name: value` and `"name":"value"`.
const NAMES: &[&str] = &[
    "access_key",
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "client_secret",
    "cookie",
    "passwd",
    "password",
    "private_key",
    "refresh_token",
    "secret",
    "secret_access_key",
    "session_token",
    "set-cookie",
    "token",
];

const PEM: &str = "-----BEGIN ";
const PEM_END: &str = "-----END ";

/// The text with every secret blotted out. Text without any is not copied.
pub fn blot(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at, mut behind_colour) = (0, 0, 0);
    while at < bytes.len() {
        let colour = colour(&bytes[at..]);
        if colour > 0 {
            at += colour;
            behind_colour = at;
            continue;
        }
        // In the middle of a word nothing begins.
        let fresh = at == behind_colour || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let found = if fresh || bytes[at] == b':' { secret(text, at) } else { None };
        match found {
            Some((from, to)) => {
                out.push_str(&text[copied..from]);
                out.push_str(BLOT);
                (copied, at) = (to, to.max(at + 1));
            }
            None => at += 1,
        }
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The length of what sets a colour on a terminal, if that is next.
fn colour(bytes: &[u8]) -> usize {
    let Some(rest) = bytes.strip_prefix(b"\x1b[") else { return 0 };
    let length = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';').unwrap_or(rest.len());
    if rest.get(length) == Some(&b'm') { length + 3 } else { 0 }
}

/// Where the secret that is announced at `at` begins and ends.
fn secret(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    match rest.as_bytes()[0] {
        b':' => userinfo(rest).map(|(from, to)| (at + from, at + to)),
        b'-' => pem(rest).map(|(from, to)| (at + from, at + to)),
        _ => pattern(rest).or_else(|| named(rest)).map(|(from, to)| (at + from, at + to)),
    }
}

fn starts_with(text: &str, prefix: &str, exact: bool) -> bool {
    let head = text.as_bytes().get(..prefix.len());
    head.is_some_and(
        |head| if exact { head == prefix.as_bytes() } else { head.eq_ignore_ascii_case(prefix.as_bytes()) },
    )
}

fn pattern(text: &str) -> Option<(usize, usize)> {
    let pattern = PATTERNS.iter().find(|pattern| starts_with(text, pattern.prefix, pattern.exact))?;
    let from = pattern.prefix.len();
    let body = &text.as_bytes()[from..];
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(byte);
    let length = body.iter().position(|byte| !allowed(byte)).unwrap_or(body.len());
    let enough = length >= pattern.min && (!pattern.digit || body[..length].iter().any(u8::is_ascii_digit));
    enough.then_some((from, from + length))
}

/// `name=value`, also with quotes, which may be those of JSON in JSON.
fn named(text: &str) -> Option<(usize, usize)> {
    let name = NAMES.iter().filter(|name| starts_with(text, name, false)).max_by_key(|name| name.len())?;
    let bytes = text.as_bytes();
    let skip = |mut at: usize, these: &[u8]| loop {
        match colour(bytes.get(at..).unwrap_or_default()) {
            0 if bytes.get(at).is_some_and(|byte| these.contains(byte)) => at += 1,
            0 => return at,
            length => at += length,
        }
    };
    let separator = skip(name.len(), b"\"'\\");
    if !matches!(bytes.get(separator), Some(b'=' | b':')) {
        return None;
    }
    let mut from = skip(separator + 1, b" ");
    let quoted = skip(from, b"\"'\\");
    let is_quoted = quoted > from;
    from = quoted;
    for prefix in ["bearer ", "basic "] {
        if starts_with(&text[from..], prefix, false) {
            from += prefix.len();
        }
    }
    let ends = |byte: &u8| match is_quoted {
        true => matches!(byte, b'"' | b'\'' | b'\\' | b'\n' | 0x1b),
        false => byte.is_ascii_whitespace() || b",;&\"'\\)}]\x1b".contains(byte),
    };
    let value = &bytes[from..];
    // An object is looked into; what is there already was blotted.
    if matches!(value.first(), None | Some(b'{' | b'[')) {
        return None;
    }
    let length = value.iter().position(ends).unwrap_or(value.len());
    (length >= 4).then_some((from, from + length))
}

/// The password of `scheme://user:password@host`; `text` begins with `://`.
fn userinfo(text: &str) -> Option<(usize, usize)> {
    let rest = text.strip_prefix("://")?;
    let end = rest.find(|c: char| c.is_whitespace() || "/\"'<>".contains(c)).unwrap_or(rest.len());
    let (user, _) = rest[..end].rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let from = "://".len() + name.len() + 1;
    (!password.is_empty()).then_some((from, from + password.len()))
}

/// A private key, from its first line to its last.
fn pem(text: &str) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(PEM)?;
    let head = rest.find("PRIVATE KEY-----").filter(|at| *at < 20)?;
    let from = PEM.len() + head + "PRIVATE KEY-----".len();
    let to = text[from..].find(PEM_END).map_or(text.len(), |at| from + at);
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_found_and_too_short_a_one_is_not() {
        for pattern in PATTERNS {
            let body = "a1".repeat(pattern.min);
            let around = format!("before \"{}{body}\" after", pattern.prefix);
            let blotted = blot(&around);
            assert_eq!(blotted, format!("before \"{}{BLOT}\" after", pattern.prefix));
            let short = format!("{}{}", pattern.prefix, &body[..pattern.min - 1]);
            assert_eq!(blot(&short), short, "{pattern:?}");
            let inside = format!("x{}{body}", pattern.prefix);
            if pattern.exact {
                assert_eq!(blot(&inside), inside, "in the middle of a word nothing begins");
            }
        }
    }

    #[test]
    fn values_of_telling_names_are_blotted_in_every_notation() {
        for name in NAMES {
            for (before, after) in [
                (format!("{name}=hunter22 x"), format!("{name}={BLOT} x")),
                (format!("{}: hunter22, x", name.to_uppercase()), format!("{}: {BLOT}, x", name.to_uppercase())),
                (format!("{{\"{name}\":\"two words\",\"a\":1}}"), format!("{{\"{name}\":\"{BLOT}\",\"a\":1}}")),
                (format!("{{\\\"{name}\\\": \\\"hunter22\\\"}}"), format!("{{\\\"{name}\\\": \\\"{BLOT}\\\"}}")),
                (format!("?{name}=hunter22&b=c"), format!("?{name}={BLOT}&b=c")),
            ] {
                assert_eq!(blot(&before), after);
            }
        }
    }

    #[test]
    fn addresses_keep_all_but_their_password() {
        assert_eq!(blot("at redis://user:p@ss@host:6379/0 now"), format!("at redis://user:{BLOT}@host:6379/0 now"));
        for plain in ["http://127.0.0.1:8000/a@b", "https://host/path?a=b:c@d", "a://b", "://", "mail a@b.c"] {
            assert_eq!(blot(plain), plain);
        }
    }

    #[test]
    fn private_keys_go_as_a_whole() {
        let text = "a -----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY----- b";
        let expected = format!("a -----BEGIN RSA PRIVATE KEY-----{BLOT}-----END RSA PRIVATE KEY----- b");
        assert_eq!(blot(text), expected);
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIE";
        assert_eq!(blot(certificate), certificate);
    }

    #[test]
    fn ordinary_lines_are_left_alone_and_not_copied() {
        for line in [
            "a run failed agent=default thread_id=\"t-1\" code=\"model_auth\"",
            "bearer tokens: 2",
            "Basic authentication is not supported",
            "the secret is safe",
            "max_tokens=100 tokens: 5, input_tokens=12",
            "{\"token\":{\"type\":\"x\"}}",
            "risk-averse task-oriented-programming-language",
            "the password: ",
            "é日本語 🦀 token",
        ] {
            assert!(matches!(blot(line), Cow::Borrowed(same) if same == line), "{line} became {}", blot(line));
        }
    }

    #[test]
    fn colours_of_a_terminal_hide_nothing() {
        let line = "\x1b[2m2026\x1b[0m \x1b[3mtoken\x1b[0m\x1b[2m=\x1b[0m\"hunter22\" \x1b[3ma\x1b[0m\x1b[2m=\x1b[0mb";
        assert_eq!(blot(line), line.replace("hunter22", BLOT));
    }

    #[test]
    fn several_in_one_line_and_at_its_end() {
        let line = format!("Authorization: Bearer abc123def456 cookie=session=b; token=é1234 sk-{}", "a1".repeat(10));
        let expected = format!("Authorization: Bearer {BLOT} cookie={BLOT}; token={BLOT} sk-{BLOT}");
        assert_eq!(blot(&line), expected);
    }
}
