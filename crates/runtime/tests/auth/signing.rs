//! Keys that sign, by the crypto library itself: what is tested does not vouch for itself.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{digest, hmac};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// base64url without padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    out
}

#[test]
fn base64_is_that_of_the_specification() {
    // RFC 7515, appendix C.
    assert_eq!(base64(&[3, 236, 255, 224, 193]), "A-z_4ME");
    assert_eq!(base64(b""), "");
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims that are good for an hour.
pub(crate) fn claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "chat", "sub": "alice", "iat": now(), "exp": now() + 3600 })
}

/// The claims with other members; null takes one out.
pub(crate) fn claims_with(other: Value) -> Value {
    let mut all = claims();
    for (name, value) in other.as_object().unwrap() {
        match value {
            Value::Null => all.as_object_mut().unwrap().remove(name),
            value => all.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    all
}

/// A key pair and its id.
pub(crate) struct Signer {
    pub(crate) kid: String,
    key: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn rsa(kid: &str) -> Self {
        Self { kid: kid.to_owned(), key: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    pub(crate) fn ec(kid: &str) -> Self {
        Self { kid: kid.to_owned(), key: Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) }
    }

    pub(crate) fn ed(kid: &str) -> Self {
        Self { kid: kid.to_owned(), key: Pair::Ed(Ed25519KeyPair::generate().unwrap()) }
    }

    /// The public half as a JSON Web Key.
    pub(crate) fn public(&self) -> Value {
        match &self.key {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let number = |bytes: &[u8]| base64(bytes);
                let (n, e) = (key.modulus(), key.exponent());
                let n = number(n.big_endian_without_leading_zero());
                json!({ "kty": "RSA", "kid": self.kid, "use": "sig", "n": n, "e": number(e.big_endian_without_leading_zero()) })
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (base64(&point[1..33]), base64(&point[33..65]));
                json!({ "kty": "EC", "kid": self.kid, "crv": "P-256", "x": x, "y": y })
            }
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "kid": self.kid, "crv": "Ed25519", "x": base64(pair.public_key().as_ref()) })
            }
        }
    }

    /// The public half as the bytes of a file.
    pub(crate) fn der(&self) -> Vec<u8> {
        match &self.key {
            Pair::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
            _ => panic!("only of RSA"),
        }
    }

    /// A good token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let algorithm = match self.key {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        };
        self.sign(&json!({ "alg": algorithm, "kid": self.kid, "typ": "JWT" }), claims)
    }

    /// A token with this header, whatever it says, signed by the algorithm in it where the key can.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = match &self.key {
            Pair::Rsa(pair) => {
                let encoding: &dyn RsaEncoding = match header["alg"].as_str() {
                    Some("PS256") => &RSA_PSS_SHA256,
                    Some("RS512") => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", base64(&signature))
    }
}

pub(crate) fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| match value {
        // As it is, also where it is no JSON.
        Value::String(text) => base64(text.as_bytes()),
        value => base64(value.to_string().as_bytes()),
    };
    format!("{}.{}", part(header), part(claims))
}

/// A token that is signed with a secret, by HS256 whatever the header says.
pub(crate) fn with_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", base64(tag.as_ref()))
}

pub(crate) fn jwks<'a>(signers: impl IntoIterator<Item = &'a Signer>) -> String {
    json!({ "keys": signers.into_iter().map(Signer::public).collect::<Vec<_>>() }).to_string()
}

/// A digest in place of a signature.
pub(crate) fn digest_of(text: &str) -> String {
    base64(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// The keys of most tests: making one for RSA takes a moment.
pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("rsa-1"));
/// Another one.
pub(crate) static OTHER_RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("rsa-2"));
