//! JSON Web Tokens: signed by somebody else, checked here.

mod file;
mod keys;
mod remote;

use super::{Authenticator, Denied, bearer_token};
use crate::client::ClientError;
use crate::limits;
use crate::principal::Principal;
use async_trait::async_trait;
use file::KeyFile;
use http::request::Parts;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, AlgorithmFamily, Validation, decode, decode_header};
use keys::KeySet;
use remote::Remote;
use serde_json::{Map, Value};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a token must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtRules {
    /// Whose tokens are taken, as `iss` names them; empty for anybody's who signs with these keys.
    pub issuer: Vec<String>,
    /// For whom they are, as `aud` names it: one of these must be there. Empty: only tokens without `aud` are taken.
    pub audience: Vec<String>,
    /// The algorithms that are taken, like `RS256`; empty for `RS256` with keys and `HS256` with a secret.
    pub algorithms: Vec<String>,
    /// The claim whose text is the principal's id.
    pub principal_claim: String,
    /// By how much clocks may differ, for `exp` and `nbf`.
    pub leeway: Duration,
}

impl Default for JwtRules {
    fn default() -> Self {
        Self {
            issuer: Vec::new(),
            audience: Vec::new(),
            algorithms: Vec::new(),
            principal_claim: "sub".to_owned(),
            leeway: limits::JWT_LEEWAY,
        }
    }
}

/// How keys are kept up to date.
#[derive(Clone, Copy, Debug)]
pub struct JwtKeyOptions {
    /// How old they may become.
    pub refresh: Duration,
    /// The shortest time between two requests for them, whatever tokens come.
    pub spacing: Duration,
    /// How long one such request may take, and how long a caller waits for it.
    pub deadline: Duration,
}

impl Default for JwtKeyOptions {
    fn default() -> Self {
        Self { refresh: limits::JWKS_REFRESH, spacing: limits::JWKS_SPACING, deadline: limits::JWKS_FETCH }
    }
}

/// Why tokens cannot be checked in this way.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// Not one that is known.
    #[error("`{0}` is not an algorithm that this server knows")]
    UnknownAlgorithm(String),
    /// Tokens that nobody signed.
    #[error("`none` would take tokens that nobody signed")]
    Unsigned,
    /// It belongs to a secret, and there are keys: whoever knows the public key could sign.
    #[error("`{0}` is for a secret, and public keys are no secret")]
    NeedsSecret(String),
    /// It belongs to keys, and there is a secret.
    #[error("`{0}` is for public keys, and there is a secret")]
    NeedsKeys(String),
    /// A secret of nothing.
    #[error("the secret is empty")]
    EmptySecret,
    /// A claim without a name.
    #[error("the claim that names the principal has no name")]
    NoClaim,
    /// No set of keys, or one that nothing can be checked with.
    #[error("{0}")]
    Keys(String),
    /// The address of the keys cannot be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Keys are fetched by a task, and there is no runtime for it.
    #[error("keys can only be fetched within a tokio runtime")]
    NoRuntime,
}

impl JwtError {
    /// Stable, snake case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownAlgorithm(_) => "jwt_unknown_algorithm",
            Self::Unsigned => "jwt_unsigned",
            Self::NeedsSecret(_) => "jwt_needs_secret",
            Self::NeedsKeys(_) => "jwt_needs_keys",
            Self::EmptySecret => "jwt_empty_secret",
            Self::NoClaim => "jwt_no_claim",
            Self::Keys(_) => "jwt_keys",
            Self::Client(error) => error.code().as_str(),
            Self::NoRuntime => "jwt_no_runtime",
        }
    }
}

impl JwtRules {
    /// Checks the rules for tokens that are signed with keys, or with a secret.
    ///
    /// # Errors
    /// An algorithm that does not fit, or no claim.
    pub fn check(&self, secret: bool) -> Result<(), JwtError> {
        self.validations(secret).map(drop)
    }

    /// For each algorithm what a token must say.
    fn validations(&self, secret: bool) -> Result<Vec<(Algorithm, Validation)>, JwtError> {
        if self.principal_claim.is_empty() {
            return Err(JwtError::NoClaim);
        }
        let default = if secret { "HS256" } else { "RS256" };
        let mut names: Vec<&str> = self.algorithms.iter().map(String::as_str).collect();
        if names.is_empty() {
            names.push(default);
        }
        let validation = |name: &str| {
            if name.eq_ignore_ascii_case("none") {
                return Err(JwtError::Unsigned);
            }
            let algorithm: Algorithm = name.parse().map_err(|_| JwtError::UnknownAlgorithm(name.to_owned()))?;
            match (algorithm.family(), secret) {
                (AlgorithmFamily::Hmac, false) => return Err(JwtError::NeedsSecret(name.to_owned())),
                (AlgorithmFamily::Hmac, true) | (_, false) => {}
                (_, true) => return Err(JwtError::NeedsKeys(name.to_owned())),
            }
            let mut validation = Validation::new(algorithm);
            validation.leeway = self.leeway.as_secs();
            validation.validate_nbf = true;
            if !self.issuer.is_empty() {
                validation.set_issuer(&self.issuer);
                validation.required_spec_claims.insert("iss".to_owned());
            }
            if !self.audience.is_empty() {
                validation.set_audience(&self.audience);
                validation.required_spec_claims.insert("aud".to_owned());
            }
            Ok((algorithm, validation))
        };
        names.into_iter().map(validation).collect()
    }
}

/// Takes tokens that are signed with certain keys.
///
/// ```
/// use copilotkit_runtime::http::auth::{Auth, Jwt, JwtRules};
///
/// let rules = JwtRules { audience: vec!["chat".to_owned()], ..JwtRules::default() };
/// let auth = Auth::new(Jwt::with_secret(b"a secret of at least thirty-two bytes", rules)?);
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Jwt {
    validations: Vec<(Algorithm, Validation)>,
    claim: String,
    /// Whether `aud` is looked at.
    audience: bool,
    keys: Keys,
}

enum Keys {
    Fixed(Arc<KeySet>),
    File(KeyFile),
    Remote(Remote),
}

/// How many keys are tried for a token that names none.
const TRIED: usize = 16;

impl Jwt {
    /// Tokens that are signed with a secret, by `HS256`, `HS384` or `HS512`.
    ///
    /// # Errors
    /// An empty secret, an algorithm of keys.
    pub fn with_secret(secret: &[u8], rules: JwtRules) -> Result<Self, JwtError> {
        if secret.is_empty() {
            return Err(JwtError::EmptySecret);
        }
        Self::new(&rules, true, |algorithms| Ok(Keys::Fixed(Arc::new(KeySet::secret(secret, algorithms)))))
    }

    /// Tokens that are signed with the keys of a JSON Web Key Set.
    ///
    /// # Errors
    /// No key set, none of its keys fits an algorithm, or one of them is private.
    pub fn with_keys(jwks: &[u8], rules: JwtRules) -> Result<Self, JwtError> {
        Self::new(&rules, false, |algorithms| {
            let set = KeySet::read_public(jwks, algorithms).map_err(JwtError::Keys)?;
            Ok(Keys::Fixed(Arc::new(set)))
        })
    }

    /// As [`with_keys`](Self::with_keys), from a file that is read again when it has changed: it is looked at when a token
    /// comes, but not more often than `spacing` allows. While it cannot be used the last keys hold.
    ///
    /// # Errors
    /// A file that cannot be read, and those of [`with_keys`](Self::with_keys).
    pub fn with_keys_in(path: impl AsRef<Path>, rules: JwtRules, options: JwtKeyOptions) -> Result<Self, JwtError> {
        Self::new(&rules, false, |algorithms| Ok(Keys::File(KeyFile::open(path.as_ref(), algorithms, options)?)))
    }

    /// Tokens that are signed with the keys at an address. They are fetched at once, again and again, and when a token
    /// names one that is not known; while that fails, the last ones that came hold.
    ///
    /// # Errors
    /// An address that is none, or no tokio runtime around this call.
    pub fn with_keys_at(url: &str, rules: JwtRules, options: JwtKeyOptions) -> Result<Self, JwtError> {
        Self::new(&rules, false, |algorithms| Ok(Keys::Remote(Remote::start(url, algorithms, options)?)))
    }

    fn new(
        rules: &JwtRules,
        secret: bool,
        keys: impl FnOnce(Vec<Algorithm>) -> Result<Keys, JwtError>,
    ) -> Result<Self, JwtError> {
        let validations = rules.validations(secret)?;
        let keys = keys(validations.iter().map(|(algorithm, _)| *algorithm).collect())?;
        Ok(Self { validations, claim: rules.principal_claim.clone(), audience: !rules.audience.is_empty(), keys })
    }

    async fn claims(&self, token: &str) -> Result<Map<String, Value>, Denied> {
        // A token without a signature, or one by `none`, has no header that can be read.
        let header = decode_header(token).map_err(|_| not_valid("no signed token of a known algorithm"))?;
        // RFC 7515, 4.1.11: what must be understood and is not makes a token invalid.
        if header.crit.is_some() {
            return Err(not_valid("a token with critical extensions"));
        }
        let algorithm = header.alg;
        let Some((_, validation)) = self.validations.iter().find(|(known, _)| *known == algorithm) else {
            return Err(not_valid("an algorithm that is not configured"));
        };
        // `jku`, `jwk`, `x5u` and `x5c` of a token are not looked at: it must not bring its own keys.
        let kid = header.kid.as_deref();
        let set = match &self.keys {
            Keys::Fixed(set) => set.clone(),
            Keys::File(file) => file.keys().await,
            Keys::Remote(remote) => remote.for_token(kid, algorithm).await?,
        };
        let mut candidates = set.candidates(kid, algorithm).take(TRIED).peekable();
        if candidates.peek().is_none() {
            return Err(not_valid("a key that is not known, or not for this algorithm"));
        }
        for key in candidates {
            match decode(token, key, validation) {
                Ok(data) => return Ok(data.claims),
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
                Err(error) => return Err(refused(error.kind())),
            }
        }
        Err(not_valid("a signature that is not of these keys"))
    }
}

#[async_trait]
impl Authenticator for Jwt {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, Denied> {
        let claims = self.claims(bearer_token(&request.headers)?).await?;
        // RFC 7519, 4.1.3: a token for somebody else is not for us, whatever form `aud` has.
        if !self.audience && claims.get("aud").is_some_and(|audience| !audience.is_null()) {
            let reason = "a token for an audience (`aud`), and none is configured";
            return Err(Denied::invalid("The token is for another audience.").because(reason));
        }
        let id = principal_id(claims.get(&self.claim))?.to_owned();
        let scopes = scopes(&claims);
        Ok(Principal::new(id).with_scopes(scopes).with_claims(claims))
    }
}

/// The text that names the principal.
fn principal_id(claim: Option<&Value>) -> Result<&str, Denied> {
    let denied = |reason: &'static str| Denied::invalid("The token does not say whose it is.").because(reason);
    let id = match claim {
        Some(Value::String(id)) => id,
        Some(_) => return Err(denied("the claim that names the principal is no text")),
        None => return Err(denied("the claim that names the principal is missing")),
    };
    if id.trim().is_empty() {
        return Err(denied("the claim that names the principal is empty"));
    }
    if id.len() > limits::ID_MAX || id.chars().any(char::is_control) {
        return Err(denied("the claim that names the principal is too long, or has control characters"));
    }
    // It owns what was made before authentication was switched on.
    if id == Principal::anonymous().id() {
        return Err(denied("the claim that names the principal says `anonymous`, which is nobody's name"));
    }
    Ok(id)
}

/// What a token allows: `scope`, separated by spaces (RFC 8693), or `scopes` or `scp`, which issuers also write as lists.
fn scopes(claims: &Map<String, Value>) -> Vec<String> {
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let read = |value: &Value| match value {
        Value::String(text) => words(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).flat_map(words).collect(),
        _ => Vec::new(),
    };
    ["scope", "scopes", "scp"].into_iter().filter_map(|name| claims.get(name)).flat_map(read).collect()
}

fn not_valid(reason: &'static str) -> Denied {
    Denied::invalid("The token is not valid.").because(reason)
}

fn refused(kind: &ErrorKind) -> Denied {
    match kind {
        ErrorKind::ExpiredSignature => Denied::invalid("The token has expired."),
        ErrorKind::ImmatureSignature => Denied::invalid("The token is not valid yet."),
        ErrorKind::InvalidIssuer => Denied::invalid("The token is of another issuer."),
        ErrorKind::InvalidAudience => Denied::invalid("The token is for another audience."),
        ErrorKind::MissingRequiredClaim(name) | ErrorKind::InvalidClaimFormat(name) => {
            let reason = format!("the claim `{name}` is missing or is not what it must be");
            Denied::invalid(format!("The token lacks the claim {name}, or it is malformed.")).because(reason)
        }
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => not_valid("an algorithm that is not the key's"),
        _ => not_valid("a token that cannot be read"),
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("claim", &self.claim).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn algorithms_belong_to_keys_or_to_a_secret() {
        let check = |name: &str, secret| {
            let rules = JwtRules { algorithms: vec![name.to_owned()], ..JwtRules::default() };
            rules.check(secret).map_err(|error| error.code())
        };
        for name in ["HS256", "HS384", "HS512"] {
            assert_eq!((check(name, true), check(name, false)), (Ok(()), Err("jwt_needs_secret")), "{name}");
        }
        for name in ["RS256", "PS512", "ES256", "ES384", "EdDSA"] {
            assert_eq!((check(name, true), check(name, false)), (Err("jwt_needs_keys"), Ok(())), "{name}");
        }
        for secret in [true, false] {
            assert_eq!(check("NoNe", secret), Err("jwt_unsigned"));
            assert_eq!(check("rs256", secret), Err("jwt_unknown_algorithm"));
        }
        assert!(matches!(Jwt::with_secret(b"", JwtRules::default()), Err(JwtError::EmptySecret)));
        let rules = JwtRules { principal_claim: String::new(), ..JwtRules::default() };
        assert!(matches!(rules.check(true), Err(JwtError::NoClaim)));
    }

    #[test]
    fn scopes_are_read_in_every_form_that_issuers_write() {
        let read = |claims: Value| scopes(claims.as_object().unwrap());
        assert_eq!(read(json!({ "scope": "a  b" })), ["a", "b"]);
        assert_eq!(read(json!({ "scopes": ["a", "b c", 5] })), ["a", "b", "c"]);
        assert_eq!(read(json!({ "scp": "a", "scope": "b" })), ["b", "a"]);
        for none in [json!({}), json!({ "scope": 5 }), json!({ "scope": { "debug": true } }), json!({ "scope": null })]
        {
            assert!(read(none.clone()).is_empty(), "{none}");
        }
    }

    #[test]
    fn keys_without_a_runtime_are_an_error() {
        let error = Jwt::with_keys_at("http://127.0.0.1:1/", JwtRules::default(), JwtKeyOptions::default());
        assert_eq!(error.unwrap_err().code(), "jwt_no_runtime");
    }
}
