//! Licences of everything that is compiled.

use super::Finding;
use super::packages::Package;

/// Licences that ask for no more than their own text and a notice.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "BSL-1.0",
    "0BSD",
    "CDLA-Permissive-2.0",
    "Unlicense",
    "CC0-1.0",
];

/// Crates with another licence, and why that is good.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Checks every crate.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let (name, licence) = (package.name.as_str(), package.licence.as_str());
        let excepted = EXCEPTIONS.iter().any(|(known, theirs, _)| *known == name && *theirs == licence);
        if !excepted && !is_allowed(licence) {
            let licence = if licence.is_empty() { "no licence" } else { licence };
            let what = format!("{name} {} has {licence}", package.version);
            let mend = "use another crate, or write it into EXCEPTIONS of xtask/src/tidy/licences.rs with the reason";
            findings.push(Finding::new("Cargo.lock", what, mend));
        }
    }
    findings
}

/// Whether an SPDX expression can be satisfied with what is allowed. Old manifests write `/` for OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens };
    parser.any() == Some(true) && parser.tokens.is_empty()
}

struct Parser<'a> {
    tokens: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.tokens.first() == Some(&token);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    /// Operands of OR, which binds less than AND.
    fn any(&mut self) -> Option<bool> {
        let mut good = self.all()?;
        while self.take("OR") {
            good |= self.all()?;
        }
        Some(good)
    }

    fn all(&mut self) -> Option<bool> {
        let mut good = self.one()?;
        while self.take("AND") {
            good &= self.one()?;
        }
        Some(good)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let good = self.any()?;
            return self.take(")").then_some(good);
        }
        let mut licence = self.next().filter(|token| !matches!(*token, ")" | "OR" | "AND" | "WITH"))?.to_owned();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.next()?);
        }
        Some(ALLOWED.contains(&licence.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "GPL-3.0 AND GPL-2.0 OR ISC",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR GPL-3.0) AND AGPL-3.0",
            "GPL-2.0 WITH Classpath-exception-2.0",
            "MIT OR",
            "(MIT",
            "MIT)",
            "OR MIT",
            "MIT MIT",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn a_crate_without_a_licence_is_found() {
        let package = |licence: &str| Package { name: "a".into(), version: "1.0.0".into(), licence: licence.into() };
        assert_eq!(check(&[package(""), package("MIT"), package("GPL-3.0")]).len(), 2);
    }
}
