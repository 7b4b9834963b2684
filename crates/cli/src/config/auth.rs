//! `[auth]`: who may use the server.

use super::hints::nearest;
use super::sources::Merged;
use super::{ConfigError, Environment, OneOrMany, Span};
use copilotkit_runtime::Principal;
use copilotkit_runtime::http::auth::{Auth, Bearer, Jwt, JwtError, JwtKeyOptions, JwtRules, TOKEN_SHORT};
use copilotkit_runtime::limits;
use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// The longest leeway: with more, tokens would hardly expire.
const LEEWAY_MAX: Duration = Duration::from_secs(5 * 60);
/// What routes ask for.
const SCOPES: [&str; 2] = ["debug", "threads:admin"];
/// A secret shorter than this, in bytes, is less than what HS256 makes of it.
const SECRET_SHORT: usize = 32;

/// `[auth]`: who may use the server.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// How it is found out who asks.
    pub kind: AuthKind,
    /// For `bearer`: the tokens.
    pub tokens: Vec<TokenConfig>,
    /// For `jwt`: where the keys are that tokens are signed with, as a JSON Web Key Set.
    pub jwks_url: String,
    /// For `jwt`: a file with those keys. It is read at the start, and again when it has changed.
    pub jwks_file: String,
    /// For `jwt`: the environment variable that holds the secret that tokens are signed with.
    pub secret_env: String,
    /// For `jwt`: who issues the tokens, as `iss` names them. Empty takes those of everybody who signs with the keys.
    pub issuer: String,
    /// For `jwt`: for whom the tokens are, as `aud` names it; with several, one of them. Empty takes only tokens without
    /// `aud`.
    pub audience: OneOrMany,
    /// For `jwt`: the claim whose text is the principal.
    pub principal_claim: String,
    /// For `jwt`: the algorithms that are taken. Empty is `RS256` with keys and `HS256` with a secret.
    pub algorithms: Vec<String>,
    /// For `jwt`: by how much clocks may differ, at most 5 minutes.
    pub leeway: Span,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            kind: AuthKind::None,
            tokens: Vec::new(),
            jwks_url: String::new(),
            jwks_file: String::new(),
            secret_env: String::new(),
            issuer: String::new(),
            audience: OneOrMany::Many(Vec::new()),
            principal_claim: "sub".to_owned(),
            algorithms: Vec::new(),
            leeway: Span(limits::JWT_LEEWAY),
        }
    }
}

/// How it is found out who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    /// Not at all: everybody is let in, as `anonymous`.
    #[default]
    None,
    /// By a list of tokens.
    Bearer,
    /// By signed tokens, JSON Web Tokens.
    Jwt,
}

/// A token of `kind = "bearer"`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The environment variable that holds it.
    pub env: String,
    /// Whose it is. Threads belong to this name.
    pub principal: String,
    /// What it allows: `threads:admin`, `debug`.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// What is wrong, and at which key.
#[derive(Debug)]
pub(crate) struct Problem {
    key: &'static str,
    reason: String,
    remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  to mend it: {}", self.key, self.reason, self.remedy)
    }
}

impl std::error::Error for Problem {}

fn problem(key: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem { key, reason: reason.into(), remedy: remedy.into() }
}

/// What tokens are signed with.
enum Source {
    Url(String),
    File(String),
    Secret(String),
}

impl AuthConfig {
    pub(super) fn check(&self, merged: &Merged) -> Result<(), ConfigError> {
        let error = |problem: Problem| merged.error(&["auth", problem.key], problem.reason, problem.remedy);
        if !self.jwks_url.is_empty() {
            merged.check_url(&["auth", "jwks_url"], &self.jwks_url)?;
        }
        self.fits().map_err(error)?;
        match self.kind {
            AuthKind::None => Ok(()),
            AuthKind::Bearer => self.bearer(&merged.environment).map(drop).map_err(error),
            AuthKind::Jwt => match self.source(&merged.environment).map_err(error)? {
                // Keys are fetched once the server is being put together.
                Source::Url(_) => self.rules().check(false).map_err(|cause| error(self.explain(&cause))),
                source => self.jwt(source).map(drop).map_err(error),
            },
        }
    }

    /// How the server finds out who asks.
    ///
    /// # Errors
    /// A variable, file or key that cannot be used.
    pub(crate) fn auth(&self, environment: &Environment) -> Result<Option<Auth>, Problem> {
        Ok(match self.kind {
            AuthKind::None => None,
            AuthKind::Bearer => Some(Auth::new(self.bearer(environment)?)),
            AuthKind::Jwt => Some(Auth::new(self.jwt(self.source(environment)?)?)),
        })
    }

    /// Keys of another kind would have no effect, and whoever wrote them thinks that they have.
    fn fits(&self) -> Result<(), Problem> {
        let set = [
            (AuthKind::Bearer, "tokens", !self.tokens.is_empty()),
            (AuthKind::Jwt, "jwks_url", !self.jwks_url.is_empty()),
            (AuthKind::Jwt, "jwks_file", !self.jwks_file.is_empty()),
            (AuthKind::Jwt, "secret_env", !self.secret_env.is_empty()),
            (AuthKind::Jwt, "issuer", !self.issuer.is_empty()),
            (AuthKind::Jwt, "audience", !self.audience.items().is_empty()),
            (AuthKind::Jwt, "algorithms", !self.algorithms.is_empty()),
        ];
        let Some((kind, key, _)) = set.into_iter().find(|(kind, _, is_set)| *is_set && *kind != self.kind) else {
            return Ok(());
        };
        let (own, meant) = (self.kind.name(), kind.name());
        let reason = format!("this has no effect with kind = \"{own}\"");
        Err(problem(key, reason, format!("set kind = \"{meant}\" in [auth], or remove the key")))
    }

    fn bearer(&self, environment: &Environment) -> Result<Bearer, Problem> {
        if self.tokens.is_empty() {
            let remedy = "add tokens = [{ env = \"ALICE_TOKEN\", principal = \"alice\" }]";
            return Err(problem("tokens", "there is no token, so nobody could come in", remedy));
        }
        let mut seen: Vec<(String, &str)> = Vec::new();
        for TokenConfig { env, principal, scopes } in &self.tokens {
            let value = variable(environment, "tokens", env)?;
            if principal.trim().is_empty() || principal.len() > limits::ID_MAX || principal.contains(char::is_control) {
                let reason = format!("the principal of the token in `{env}` is empty, too long or no plain text");
                return Err(problem("tokens", reason, "write a name, like principal = \"alice\""));
            }
            if scopes.iter().any(|scope| scope.is_empty() || scope.contains(char::is_whitespace)) {
                let reason = format!("a scope of the token in `{env}` is empty or has spaces");
                return Err(problem(
                    "tokens",
                    reason,
                    "write each one by itself: scopes = [\"debug\", \"threads:admin\"]",
                ));
            }
            if let Some(scope) = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
                let known = SCOPES.map(|scope| format!("\"{scope}\"")).join(" or ");
                let remedy = match nearest(scope, SCOPES) {
                    Some(meant) => format!("write \"{meant}\""),
                    None => format!("write {known}, or remove it"),
                };
                return Err(problem("tokens", format!("there is no scope `{scope}`"), remedy));
            }
            if let Some((_, other)) = seen.iter().find(|(known, _)| *known == value) {
                let reason = format!("the variables `{other}` and `{env}` hold the same token");
                return Err(problem("tokens", reason, "give each its own, like that of: openssl rand -hex 32"));
            }
            seen.push((value, env));
        }
        let known = self.tokens.iter().zip(seen).map(|(token, (value, _))| {
            let principal = Principal::new(token.principal.as_str()).with_scopes(token.scopes.iter().cloned());
            (value, principal)
        });
        Bearer::new(known).map_err(|error| problem("tokens", error.to_string(), "make one like: openssl rand -hex 32"))
    }

    fn rules(&self) -> JwtRules {
        JwtRules {
            issuer: Some(self.issuer.clone()).filter(|issuer| !issuer.is_empty()).into_iter().collect(),
            audience: self.audience.items().iter().filter(|audience| !audience.is_empty()).cloned().collect(),
            algorithms: self.algorithms.clone(),
            principal_claim: self.principal_claim.clone(),
            leeway: self.leeway.0,
        }
    }

    fn source(&self, environment: &Environment) -> Result<Source, Problem> {
        if self.leeway.0 > LEEWAY_MAX {
            return Err(problem("leeway", "tokens would hold long after they expired", "write at most \"5m\""));
        }
        let named = [("jwks_url", &self.jwks_url), ("jwks_file", &self.jwks_file), ("secret_env", &self.secret_env)];
        let mut named = named.into_iter().filter(|(_, value)| !value.is_empty());
        let Some((key, value)) = named.next() else {
            let reason = "it is not said what tokens are signed with";
            return Err(problem("kind", reason, "add jwks_url = \"https://…\", jwks_file or secret_env to [auth]"));
        };
        if let Some((other, _)) = named.next() {
            let reason = format!("tokens are signed with one thing, and `{key}` is set too");
            return Err(problem(other, reason, format!("keep one of `{key}` and `{other}`")));
        }
        match key {
            "jwks_url" => Ok(Source::Url(value.clone())),
            "jwks_file" => match std::fs::metadata(value) {
                Ok(_) => Ok(Source::File(value.clone())),
                Err(error) => {
                    let remedy = "name a file with a JSON Web Key Set; the path begins where the server is started";
                    Err(problem(key, format!("the file {value} cannot be read: {error}"), remedy))
                }
            },
            _ => variable(environment, key, value).map(Source::Secret),
        }
    }

    fn jwt(&self, source: Source) -> Result<Jwt, Problem> {
        let rules = self.rules();
        match source {
            Source::Url(url) => Jwt::with_keys_at(&url, rules, JwtKeyOptions::default()),
            Source::File(path) => Jwt::with_keys_in(path, rules, JwtKeyOptions::default()),
            Source::Secret(secret) => Jwt::with_secret(secret.as_bytes(), rules),
        }
        .map_err(|error| self.explain(&error))
    }

    /// Where an error of the tokens' rules belongs.
    fn explain(&self, error: &JwtError) -> Problem {
        let reason = error.to_string();
        match error {
            JwtError::NeedsSecret(_) => {
                problem("algorithms", reason, "write \"RS256\", \"ES256\" or \"EdDSA\", or use secret_env")
            }
            JwtError::NeedsKeys(_) => problem("algorithms", reason, "write \"HS256\", or use jwks_url or jwks_file"),
            JwtError::UnknownAlgorithm(_) | JwtError::Unsigned => {
                let all = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384 or HS512";
                problem("algorithms", reason, format!("use {all}"))
            }
            JwtError::NoClaim => problem("principal_claim", reason, "write \"sub\", or remove the key"),
            JwtError::EmptySecret => problem("secret_env", reason, "make one like: openssl rand -hex 32"),
            _ => {
                let key = if self.jwks_file.is_empty() { "jwks_url" } else { "jwks_file" };
                problem(key, reason, "ask your identity provider for its JSON Web Key Set (jwks_uri)")
            }
        }
    }

    /// What is allowed, and likely not meant, for a server on this address.
    pub(crate) fn warnings(&self, address: IpAddr, environment: &Environment) -> Vec<String> {
        let mut warnings = Vec::new();
        match self.kind {
            AuthKind::None if !address.is_loopback() => warnings.push(format!(
                "whoever reaches {address} can start runs and read every thread: set kind in [auth], or listen on \
                 127.0.0.1"
            )),
            AuthKind::None => {}
            AuthKind::Bearer => {
                let short = |name: &&TokenConfig| environment(&name.env).is_some_and(|token| token.len() < TOKEN_SHORT);
                for TokenConfig { env, .. } in self.tokens.iter().filter(short) {
                    warnings.push(format!("the token in {env} is short enough to be guessed: openssl rand -hex 32"));
                }
            }
            AuthKind::Jwt => {
                let secret = environment(&self.secret_env).filter(|_| !self.secret_env.is_empty());
                if secret.is_some_and(|secret| secret.len() < SECRET_SHORT) {
                    let name = &self.secret_env;
                    warnings.push(format!("the secret in {name} is short enough to be guessed: openssl rand -hex 32"));
                }
                if self.issuer.is_empty() && self.secret_env.is_empty() {
                    warnings
                        .push("[auth] names no issuer: tokens of everybody who signs with these keys are taken".into());
                }
                if url::Url::parse(&self.jwks_url).is_ok_and(|url| url.scheme() == "http" && !is_local(&url)) {
                    warnings.push("jwks_url is not https: whoever sits in between can sign tokens".into());
                }
            }
        }
        warnings
    }
}

impl AuthKind {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::Jwt => "jwt",
        }
    }
}

fn is_local(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The value of a variable that must be there.
fn variable(environment: &Environment, key: &'static str, name: &str) -> Result<String, Problem> {
    if name.is_empty() {
        return Err(problem(key, "no variable is named", "write the name of one, like \"ALICE_TOKEN\""));
    }
    let remedy = format!("set it before the start: export {name}=$(openssl rand -hex 32)");
    match environment(name) {
        Some(value) if !value.trim().is_empty() => Ok(value),
        Some(_) => Err(problem(key, format!("the environment variable `{name}` is empty"), remedy)),
        None => Err(problem(key, format!("the environment variable `{name}` is not set"), remedy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn warnings(config: AuthConfig, address: [u8; 4], value: &str) -> usize {
        let value = value.to_owned();
        let environment: Environment = Arc::new(move |_| Some(value.clone()));
        config.warnings(address.into(), &environment).len()
    }

    #[test]
    fn what_is_likely_not_meant_is_said() {
        let (here, everywhere, long) = ([127, 0, 0, 1], [0, 0, 0, 0], "x".repeat(64));
        assert_eq!(warnings(AuthConfig::default(), here, ""), 0);
        assert_eq!(warnings(AuthConfig::default(), everywhere, ""), 1);
        let token = TokenConfig { env: "A".into(), principal: "a".into(), scopes: vec![] };
        let bearer = AuthConfig { kind: AuthKind::Bearer, tokens: vec![token], ..AuthConfig::default() };
        assert_eq!(warnings(bearer.clone(), everywhere, &long), 0);
        assert_eq!(warnings(bearer, everywhere, "short"), 1);
        let jwt = AuthConfig { kind: AuthKind::Jwt, ..AuthConfig::default() };
        let secret = AuthConfig { secret_env: "S".into(), ..jwt.clone() };
        assert_eq!((warnings(secret.clone(), here, &long), warnings(secret, here, "short")), (0, 1));
        let keys = |url: &str, issuer: &str| AuthConfig { jwks_url: url.into(), issuer: issuer.into(), ..jwt.clone() };
        assert_eq!(warnings(keys("https://id.example/jwks", "https://id.example"), here, &long), 0);
        assert_eq!(warnings(keys("https://id.example/jwks", ""), here, &long), 1);
        assert_eq!(warnings(keys("http://id.example/jwks", "https://id.example"), here, &long), 1);
        assert_eq!(warnings(keys("http://127.0.0.1:1/jwks", "https://id.example"), here, &long), 0);
    }
}
