//! The keys that tokens are checked with.

use crate::limits;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Keys, each with the algorithms that it may be used for.
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// Whether one of them could sign as well.
    pub(super) private: bool,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// One secret.
    pub(super) fn secret(secret: &[u8], algorithms: Vec<Algorithm>) -> Self {
        let key = Key { id: None, algorithms, key: DecodingKey::from_secret(secret) };
        Self { keys: vec![key], private: false }
    }

    /// The keys of a JSON Web Key Set that fit one of these algorithms. Others are let go, as the specification has it.
    pub(super) fn read(jwks: &[u8], algorithms: Vec<Algorithm>) -> Result<Self, String> {
        let mut document: Value =
            serde_json::from_slice(jwks).map_err(|error| format!("the key set is not JSON: {error}"))?;
        let Some(Value::Array(items)) = document.get_mut("keys").map(Value::take) else {
            return Err("the key set has no list `keys`".to_owned());
        };
        if items.len() > limits::JWKS_KEYS {
            return Err(format!("the key set has more than {} keys", limits::JWKS_KEYS));
        }
        let private = items.iter().any(|item| item.get("d").is_some() || item.get("k").is_some());
        let keys: Vec<_> = items.into_iter().filter_map(|item| Key::read(item, &algorithms)).collect();
        if keys.is_empty() {
            return Err(format!("the key set has no key for {algorithms:?}"));
        }
        Ok(Self { keys, private })
    }

    /// As [`read`](Self::read), for a set that somebody put here: a key that could sign has no business on this machine.
    pub(super) fn read_public(jwks: &[u8], algorithms: Vec<Algorithm>) -> Result<Self, String> {
        match Self::read(jwks, algorithms)? {
            set if set.private => {
                Err("the key set holds a private or secret key: this server only needs the public ones".to_owned())
            }
            set => Ok(set),
        }
    }

    /// The keys that a token may be signed with: those of its key id; those without an id, if there is none of that id;
    /// all of them for a token without.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &DecodingKey> {
        let named = id.filter(|id| self.keys.iter().any(|key| key.id.as_deref() == Some(id)));
        let fits = move |key: &&Key| match (named, id) {
            (Some(named), _) => key.id.as_deref() == Some(named),
            (None, Some(_)) => key.id.is_none(),
            (None, None) => true,
        };
        self.keys.iter().filter(fits).filter(move |key| key.algorithms.contains(&algorithm)).map(|key| &key.key)
    }
}

impl Key {
    fn read(item: Value, wanted: &[Algorithm]) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(item).ok()?;
        let common = &jwk.common;
        let verifies = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let allowed = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !verifies || !allowed {
            return None;
        }
        let own = common.key_algorithm;
        let fits = |algorithm: &Algorithm| own.is_none_or(|own| own == KeyAlgorithm::from(*algorithm));
        let kinds = kinds(&jwk.algorithm);
        let algorithms: Vec<_> = wanted.iter().copied().filter(|it| kinds.contains(it) && fits(it)).collect();
        if algorithms.is_empty() {
            return None;
        }
        Some(Self { id: jwk.common.key_id.clone(), key: DecodingKey::from_jwk(&jwk).ok()?, algorithms })
    }
}

/// The algorithms of a kind of key. A secret in a set of public keys is none.
fn kinds(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
    match parameters {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa(more: Value) -> Value {
        let mut key = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn count(keys: Value, id: Option<&str>, algorithm: Algorithm) -> usize {
        let text = json!({ "keys": keys }).to_string();
        let set = KeySet::read(text.as_bytes(), vec![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256]);
        set.map_or(0, |set| set.candidates(id, algorithm).count())
    }

    #[test]
    fn keys_are_found_by_their_id_and_algorithm() {
        let keys = json!([rsa(json!({ "kid": "a" })), rsa(json!({ "kid": "b", "alg": "RS256" })), rsa(json!({}))]);
        let found = |id, algorithm| count(keys.clone(), id, algorithm);
        assert_eq!(found(Some("a"), Algorithm::RS256), 1);
        assert_eq!(found(Some("a"), Algorithm::ES256), 0);
        assert_eq!(found(Some("b"), Algorithm::PS256), 0);
        assert_eq!(found(Some("c"), Algorithm::RS256), 1, "the one without an id");
        assert_eq!(found(None, Algorithm::RS256), 3);
        assert_eq!(found(None, Algorithm::PS256), 2);
        assert_eq!(found(Some("a"), Algorithm::RS512), 0, "not configured");
    }

    #[test]
    fn keys_for_other_ends_are_let_go() {
        let good = rsa(json!({ "kid": "good" }));
        for other in [
            rsa(json!({ "use": "enc" })),
            rsa(json!({ "key_ops": ["sign"] })),
            rsa(json!({ "alg": "RSA-OAEP" })),
            rsa(json!({ "alg": "HS256" })),
            json!({ "kty": "oct", "k": "c2VjcmV0" }),
            json!({ "kty": "EC", "crv": "P-521", "x": "AQAB", "y": "AQAB" }),
            json!({ "kty": "new", "a": 1 }),
            json!("text"),
        ] {
            assert_eq!(count(json!([other, good]), None, Algorithm::RS256), 1, "{other}");
            assert_eq!(count(json!([other]), None, Algorithm::RS256), 0, "{other}");
        }
    }

    #[test]
    fn a_set_that_is_none_says_so() {
        let many = json!({ "keys": vec![rsa(json!({})); limits::JWKS_KEYS + 1] }).to_string();
        for (text, expected) in
            [("<html>", "not JSON"), ("{}", "no list"), (r#"{"keys":[]}"#, "no key for [RS256]"), (&many, "more than")]
        {
            let error = KeySet::read(text.as_bytes(), vec![Algorithm::RS256]).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
        let private = json!({ "keys": [rsa(json!({ "d": "AQAB" }))] }).to_string();
        assert!(KeySet::read(private.as_bytes(), vec![Algorithm::RS256]).unwrap().private);
    }
}
