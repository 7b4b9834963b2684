//! Ids of tool calls in the form that a service takes. A conversation may have begun with another service.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

/// Which ids a service takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IdRule {
    /// Any of at most 40 bytes.
    #[default]
    Short,
    /// Letters, digits, `_` and `-`, at most 64.
    Word,
    /// Exactly nine letters and digits.
    Nine,
}

impl IdRule {
    /// The id of a call, fit for the service and not in `taken`. The same conversation gives the same ids again.
    pub(crate) fn fit<'a>(self, id: &'a str, taken: &mut HashSet<String>) -> Cow<'a, str> {
        let mut fit = if self.takes(id) { Cow::Borrowed(id) } else { Cow::Owned(self.made_of(id, 0)) };
        let mut again = 1;
        while !taken.insert(fit.clone().into_owned()) {
            fit = Cow::Owned(self.made_of(id, again));
            again += 1;
        }
        fit
    }

    fn takes(self, id: &str) -> bool {
        let word = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        match self {
            Self::Short => !id.is_empty() && id.len() <= 40,
            Self::Word => !id.is_empty() && id.len() <= 64 && id.bytes().all(word),
            Self::Nine => id.len() == 9 && id.bytes().all(|c| c.is_ascii_alphanumeric()),
        }
    }

    fn made_of(self, id: &str, again: u32) -> String {
        let mut hasher = DefaultHasher::new();
        hasher.write(id.as_bytes());
        hasher.write_u32(again);
        let mut hash = hasher.finish();
        if self != Self::Nine {
            return format!("call_{hash:016x}");
        }
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut text = String::with_capacity(9);
        for _ in 0..9 {
            text.push(char::from(DIGITS[(hash % 62) as usize]));
            hash /= 62;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_stay_the_same_and_are_unique() {
        let once = |rule: IdRule, id: &str| rule.fit(id, &mut HashSet::new()).into_owned();
        assert_eq!(once(IdRule::Word, "toolu_01A"), "toolu_01A");
        assert_eq!(once(IdRule::Nine, "D681PevKs"), "D681PevKs");
        for (rule, id) in [(IdRule::Word, "functions.f:0"), (IdRule::Nine, "call_1"), (IdRule::Short, &*"x".repeat(90))]
        {
            let fit = once(rule, id);
            assert!(rule.takes(&fit), "{fit}");
            assert_eq!(fit, once(rule, id));
        }
        let mut taken = HashSet::new();
        let two = [IdRule::Nine.fit("a", &mut taken).into_owned(), IdRule::Nine.fit("a", &mut taken).into_owned()];
        assert_ne!(two[0], two[1]);
    }
}
