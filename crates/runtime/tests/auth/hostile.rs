//! Tokens and headers that must not let anybody in, over a real socket.

use super::harness::{ALICE, Answer, BOB, bearer, input, surface, with_auth};
use super::signing::{OTHER_RSA, RSA, Signer, base64, claims, claims_with, digest_of, jwks, message, now, with_secret};
use copilotkit_runtime::http::auth::{Auth, Jwt, JwtRules};
use copilotkit_runtime::http::server::{ServeOptions, serve};
use copilotkit_runtime::http::{Surface, SurfaceOptions};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

struct Server {
    address: SocketAddr,
    _task: JoinSet<()>,
}

async fn start(options: SurfaceOptions) -> Server {
    let surface: Surface = surface(options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        serve(listener, surface, ServeOptions::default(), std::future::pending(), std::future::ready(())).await;
    });
    Server { address, _task: task }
}

/// A run with these header lines, as they are.
async fn knock(server: &Server, headers: &[u8]) -> Answer {
    let body = input("t").to_string();
    let mut request = b"POST /copilotkit/agent/quick/run HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".to_vec();
    request.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    request.extend_from_slice(headers);
    request.extend_from_slice(format!("\r\n{body}").as_bytes());
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await;
    read.expect("an answer in time").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = StatusCode::from_bytes(&lines.next().unwrap().as_bytes()[9..12]).unwrap();
    let pairs = lines.map(|line| line.split_once(": ").unwrap());
    let headers = pairs.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
    Answer { status, headers: headers.collect::<HeaderMap>(), text: chunks(text) }
}

/// The body without the sizes of its chunks.
fn chunks(text: &str) -> String {
    text.split("\r\n").filter(|line| !line.is_empty() && u64::from_str_radix(line, 16).is_err()).collect()
}

fn line(value: &str) -> Vec<u8> {
    format!("Authorization: {value}\r\n").into_bytes()
}

/// 401, and nothing of what was sent.
fn assert_refused(name: &str, answer: &Answer, code: &str, sent: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, code), "{name}: {answer:?}");
    assert_eq!(answer.challenge().contains("error=\"invalid_token\""), code == "invalid_token", "{name}");
    assert!(answer.challenge().starts_with("Bearer realm=\"copilotkit\""), "{name}");
    for word in sent.split([' ', '.', ',']).filter(|word| word.len() > 12) {
        assert!(!format!("{answer:?}").contains(word), "{name} comes back: {answer:?}");
    }
}

#[tokio::test]
async fn headers_that_are_no_token_of_anybody() {
    let server = start(with_auth(bearer())).await;
    let long = format!("Bearer {}", "a".repeat(100 * 1024));
    let upper = format!("Bearer {}", ALICE.to_uppercase());
    let (missing, invalid) = ("unauthenticated", "invalid_token");
    let rows: &[(&str, String, &str)] = &[
        ("nothing", String::new(), missing),
        ("no scheme", ALICE.to_owned(), missing),
        ("Basic", "Basic YWxpY2U6cGFzc3dvcmQ=".to_owned(), missing),
        ("a scheme that begins alike", format!("Bearers {ALICE}"), missing),
        ("a tab for the space", format!("Bearer\t{ALICE}"), missing),
        ("a colon", format!("Bearer: {ALICE}"), missing),
        ("the scheme alone", "Bearer".to_owned(), invalid),
        ("quotes", format!("Bearer \"{ALICE}\""), invalid),
        ("two tokens", format!("Bearer {ALICE} {BOB}"), invalid),
        ("two with a comma", format!("Bearer {ALICE},{BOB}"), invalid),
        ("two schemes in a list", format!("Bearer {ALICE}, Basic x"), invalid),
        ("a parameter", format!("Bearer token={ALICE}"), invalid),
        ("a percent sign", format!("Bearer {}%00", ALICE), invalid),
        ("the first letters", format!("Bearer {}", &ALICE[..ALICE.len() - 1]), invalid),
        ("one letter more", format!("Bearer {ALICE}x"), invalid),
        ("padding", format!("Bearer {ALICE}="), invalid),
        ("another case", upper, invalid),
        ("the principal's name", "Bearer alice".to_owned(), invalid),
        ("the digest of the token", format!("Bearer {}", digest_of(ALICE)), invalid),
        ("100 KB", long, invalid),
        ("an e with an accent", "Bearer \u{e9}".to_owned(), invalid),
    ];
    for (name, value, code) in rows {
        let headers = if value.is_empty() { Vec::new() } else { line(value) };
        assert_refused(name, &knock(&server, &headers).await, code, value);
    }
    let token = format!("Bearer {ALICE}");
    for second in [token.as_str(), &format!("Bearer {BOB}"), "Basic x", ""] {
        let both = [line(&token), line(second)].concat();
        assert_refused("two headers", &knock(&server, &both).await, "invalid_token", ALICE);
    }
    for other in ["Proxy-Authorization", "X-Authorization", "X-Access-Token"] {
        let headers = format!("{other}: {token}\r\n").into_bytes();
        assert_refused(other, &knock(&server, &headers).await, "unauthenticated", ALICE);
    }
    let cookie = format!("Cookie: authorization={ALICE}\r\n").into_bytes();
    assert_refused("a cookie", &knock(&server, &cookie).await, "unauthenticated", ALICE);
    for broken in [format!("Authorization: {token}\0\r\n"), format!("Authorization : {token}\r\n")] {
        assert_eq!(knock(&server, broken.as_bytes()).await.status, 400, "{broken:?}");
    }
    for (value, who) in [
        (token.clone(), "alice"),
        (format!("bearer {ALICE}"), "alice"),
        (format!("BEARER   {BOB}"), "bob"),
        // White space around a value is not a part of it.
        (format!("  Bearer {BOB}  \t"), "bob"),
    ] {
        let answer = knock(&server, &line(&value)).await;
        assert_eq!((answer.status.as_u16(), answer.who()["id"].as_str()), (200, Some(who)), "{value}");
    }
}

fn rules(algorithms: &[&str]) -> JwtRules {
    JwtRules {
        issuer: vec!["https://id.example".to_owned()],
        audience: vec!["chat".to_owned(), "chat-test".to_owned()],
        algorithms: algorithms.iter().map(|name| (*name).to_owned()).collect(),
        ..JwtRules::default()
    }
}

#[tokio::test]
async fn tokens_that_were_not_signed_for_us() {
    let (ec, ed, stranger) = (Signer::ec("ec-1"), Signer::ed("ed-1"), Signer::rsa("rsa-1"));
    let set = jwks([&RSA, &ec, &ed]);
    let jwt = Jwt::with_keys(set.as_bytes(), rules(&["RS256", "ES256", "EdDSA"])).unwrap();
    let server = start(with_auth(Auth::new(jwt))).await;
    let good = RSA.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let with = |other: Value| RSA.token(&claims_with(other));
    let header = |other: Value| {
        let mut header = json!({ "alg": "RS256", "kid": "rsa-1", "typ": "JWT" });
        header.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        RSA.sign(&header, &claims())
    };
    let none = |alg: &str| format!("{}.", message(&json!({ "alg": alg, "kid": "rsa-1" }), &claims()));
    let hs = |secret: &[u8]| with_secret(secret, &json!({ "alg": "HS256", "kid": "rsa-1", "typ": "JWT" }), &claims());
    let modulus = RSA.public()["n"].as_str().unwrap().to_owned();
    let other = RSA.token(&claims_with(json!({ "sub": "mallory" })));
    let swapped = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    let embedded =
        |name: &str, value: Value| stranger.sign(&json!({ "alg": "RS256", "kid": "rsa-1", name: value }), &claims());
    let key = stranger.public();
    let rows: Vec<(&str, String)> = vec![
        ("words", "hello".to_owned()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.x")),
        ("five parts, as an encrypted one", format!("{good}.x.y")),
        ("empty parts", "..".to_owned()),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("no header", format!(".{}.{}", parts[1], parts[2])),
        ("no claims", format!("{}..{}", parts[0], parts[2])),
        ("the signature cut", good[..good.len() - 4].to_owned()),
        ("the claims cut", format!("{}.{}.{}", parts[0], &parts[1][..parts[1].len() - 4], parts[2])),
        ("one letter of the signature", good.replace(&parts[2][..8], "AAAAAAAA")),
        ("padding", format!("{good}==")),
        ("claims of another token", swapped),
        ("a digest for a signature", format!("{}.{}.{}", parts[0], parts[1], digest_of(&good))),
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg NONE with a signature", format!("{}{}", none("NONE"), parts[2])),
        ("no alg", format!("{}.{}", message(&json!({ "kid": "rsa-1" }), &claims()), parts[2])),
        ("alg empty", header(json!({ "alg": "" }))),
        ("alg that is no text", header(json!({ "alg": ["RS256"] }))),
        ("HS256 with the public key's modulus", hs(modulus.as_bytes())),
        ("HS256 with the public key", hs(&RSA.der())),
        ("HS256 with the public key as a file", hs(pem(&RSA.der()).as_bytes())),
        ("HS256 with the key set", hs(set.as_bytes())),
        ("HS256 with the key", hs(RSA.public().to_string().as_bytes())),
        ("HS256 with an empty secret", hs(b"")),
        ("RS512, which is not configured", header(json!({ "alg": "RS512" }))),
        ("PS256, which is not configured", header(json!({ "alg": "PS256" }))),
        ("ES256 by the id of an RSA key", ec.sign(&json!({ "alg": "ES256", "kid": "rsa-1" }), &claims())),
        ("RS256 by the id of an EC key", header(json!({ "kid": "ec-1" }))),
        ("EdDSA by the id of an EC key", ed.sign(&json!({ "alg": "EdDSA", "kid": "ec-1" }), &claims())),
        ("an unknown key id", OTHER_RSA.token(&claims())),
        ("an empty key id", header(json!({ "kid": "" }))),
        ("a key id that is a path", header(json!({ "kid": "../../dev/null" }))),
        ("a key id that is no text", header(json!({ "kid": 1 }))),
        ("a stranger's key under a known id", stranger.token(&claims())),
        ("a stranger's key without an id", stranger.sign(&json!({ "alg": "RS256" }), &claims())),
        ("a key in the header", embedded("jwk", key.clone())),
        ("an address of keys in the header", embedded("jku", json!("http://127.0.0.1:1/jwks"))),
        ("an address of a certificate in the header", embedded("x5u", json!("http://127.0.0.1:1/cert"))),
        ("critical extensions", header(json!({ "crit": ["exp"], "exp": 1 }))),
        ("a header that is no JSON", RSA.sign(&json!("RS256"), &claims())),
        ("claims that are no JSON", RSA.sign(&json!({ "alg": "RS256", "kid": "rsa-1" }), &json!("alice"))),
        ("claims that are a list", RSA.token(&json!(["alice"]))),
        ("expired", with(json!({ "exp": now() - 61 }))),
        ("expired long ago", with(json!({ "exp": 0 }))),
        ("no expiry", with(json!({ "exp": null }))),
        ("an expiry that is a text", with(json!({ "exp": (now() + 3600).to_string() }))),
        ("an expiry below zero", with(json!({ "exp": -1 }))),
        ("not yet valid", with(json!({ "nbf": now() + 90 }))),
        ("valid from a text", with(json!({ "nbf": "tomorrow" }))),
        ("another issuer", with(json!({ "iss": "https://id.example.evil" }))),
        ("the issuer with a slash", with(json!({ "iss": "https://id.example/" }))),
        ("no issuer", with(json!({ "iss": null }))),
        ("an issuer that is a number", with(json!({ "iss": 1 }))),
        ("another audience", with(json!({ "aud": "shop" }))),
        ("other audiences", with(json!({ "aud": ["shop", "billing"] }))),
        ("no audience", with(json!({ "aud": null }))),
        ("an empty list of audiences", with(json!({ "aud": [] }))),
        ("an audience that is a number", with(json!({ "aud": 1 }))),
        ("no sub", with(json!({ "sub": null }))),
        ("a sub that is a number", with(json!({ "sub": 42 }))),
        ("an empty sub", with(json!({ "sub": "" }))),
        ("a sub of spaces", with(json!({ "sub": "  " }))),
        ("a sub with NUL", with(json!({ "sub": "alice\u{0}" }))),
        ("a sub that is a list", with(json!({ "sub": ["alice"] }))),
        ("a sub of 1 KB", with(json!({ "sub": "a".repeat(1024) }))),
        ("the sub of those before authentication", with(json!({ "sub": "anonymous" }))),
        ("100 KB", with(json!({ "pad": "a".repeat(100 * 1024) }))),
        ("deep claims", RSA.token(&json!(format!("{}1{}", "[".repeat(4_000), "]".repeat(4_000))))),
    ];
    for (name, token) in &rows {
        let answer = knock(&server, &line(&format!("Bearer {token}"))).await;
        assert_refused(name, &answer, "invalid_token", token);
    }
    for (name, token, who) in [
        ("RS256", good.clone(), "alice"),
        ("ES256", ec.token(&claims()), "alice"),
        ("EdDSA", ed.token(&claims()), "alice"),
        ("no key id", RSA.sign(&json!({ "alg": "RS256" }), &claims()), "alice"),
        ("expired within the leeway", with(json!({ "exp": now() - 30 })), "alice"),
        ("not yet valid within the leeway", with(json!({ "nbf": now() + 30 })), "alice"),
        ("one audience of several", with(json!({ "aud": ["shop", "chat-test"] })), "alice"),
        ("a name of another script", with(json!({ "sub": "auth0|élise" })), "auth0|élise"),
    ] {
        let answer = knock(&server, &line(&format!("Bearer {token}"))).await;
        assert_eq!((answer.status.as_u16(), answer.who()["id"].as_str()), (200, Some(who)), "{name}: {answer:?}");
    }
    let scoped = with(json!({ "scope": "openid debug", "scp": ["threads:admin"] }));
    let answer = knock(&server, &line(&format!("Bearer {scoped}"))).await;
    assert_eq!(answer.who()["scopes"], json!(["debug", "threads:admin"]));
}

fn pem(der: &[u8]) -> String {
    // The alphabet differs by two letters, which is enough for somebody who guesses.
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(der))
}

#[tokio::test]
async fn a_secret_takes_its_own_algorithm_alone() {
    let secret = b"a secret of at least thirty-two bytes";
    let jwt = Jwt::with_secret(secret, JwtRules { audience: vec![], issuer: vec![], ..rules(&[]) }).unwrap();
    let server = start(with_auth(Auth::new(jwt))).await;
    let hs256 = json!({ "alg": "HS256" });
    let plain = claims_with(json!({ "aud": null }));
    let good = with_secret(secret, &hs256, &plain);
    let answer = knock(&server, &line(&format!("Bearer {good}"))).await;
    assert_eq!(answer.who()["id"], "alice", "{answer:?}");
    for (name, token) in [
        ("another secret", with_secret(b"a secret of at least thirty-two byteS", &hs256, &plain)),
        ("the secret cut", with_secret(&secret[..32], &hs256, &plain)),
        ("RS256", RSA.token(&plain)),
        ("HS512 by name", with_secret(secret, &json!({ "alg": "HS512" }), &plain)),
        ("alg none", format!("{}.", message(&json!({ "alg": "none" }), &plain))),
        ("an audience, where none is configured", with_secret(secret, &hs256, &claims())),
        ("an audience that is no text", with_secret(secret, &hs256, &claims_with(json!({ "aud": 1 })))),
    ] {
        assert_refused(name, &knock(&server, &line(&format!("Bearer {token}"))).await, "invalid_token", &token);
    }
}

#[tokio::test]
async fn a_refusal_says_what_would_help() {
    let jwt = Jwt::with_keys(jwks([&*RSA]).as_bytes(), rules(&[])).unwrap();
    let server = start(with_auth(Auth::new(jwt))).await;
    for (claims, expected) in [
        (json!({ "exp": now() - 100 }), "The token has expired."),
        (json!({ "nbf": now() + 100 }), "The token is not valid yet."),
        (json!({ "iss": "x" }), "The token is of another issuer."),
        (json!({ "aud": "x" }), "The token is for another audience."),
        (json!({ "sub": 5 }), "The token does not say whose it is."),
    ] {
        let token = RSA.token(&claims_with(claims));
        let answer = knock(&server, &line(&format!("Bearer {token}"))).await;
        assert_eq!(answer.json()["message"], expected);
        assert!(answer.challenge().ends_with(&format!("error_description=\"{expected}\"")), "{answer:?}");
    }
    // Somebody without the key learns nothing of what the token should say.
    let forged = OTHER_RSA.sign(&json!({ "alg": "RS256", "kid": "rsa-1" }), &claims_with(json!({ "exp": 1 })));
    let answer = knock(&server, &line(&format!("Bearer {forged}"))).await;
    assert_eq!(answer.json()["message"], "The token is not valid.");
}

#[test]
fn keys_that_could_sign_are_refused() {
    let mut key = RSA.public();
    key["d"] = json!("AQAB");
    let text = json!({ "keys": [key] }).to_string();
    assert_eq!(Jwt::with_keys(text.as_bytes(), rules(&[])).unwrap_err().code(), "jwt_keys");
    let secret = json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }, RSA.public()] }).to_string();
    assert_eq!(Jwt::with_keys(secret.as_bytes(), rules(&[])).unwrap_err().code(), "jwt_keys");
}
