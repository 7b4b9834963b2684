//! Keys in a file: it is written anew while the server runs.

use super::harness::{Answer, ask, input, surface, with_auth};
use super::signing::{OTHER_RSA, RSA, Signer, claims, jwks};
use copilotkit_runtime::http::Surface;
use copilotkit_runtime::http::auth::{Auth, Jwt, JwtKeyOptions, JwtRules};
use std::path::Path;
use std::time::{Duration, Instant};

const SPACING: Duration = Duration::from_millis(300);

fn of(path: &Path) -> Jwt {
    let rules = JwtRules { audience: vec!["chat".to_owned()], ..JwtRules::default() };
    Jwt::with_keys_in(path, rules, JwtKeyOptions { spacing: SPACING, ..JwtKeyOptions::default() }).unwrap()
}

async fn run(surface: &Surface, signer: &Signer) -> Answer {
    let token = signer.token(&claims());
    ask(surface, "POST", "/copilotkit/agent/quick/run", Some(&token), &input("t").to_string()).await
}

/// Asks until a token of `signer` is answered so.
async fn until(surface: &Surface, signer: &Signer, status: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while run(surface, signer).await.status != status {
        assert!(Instant::now() < deadline, "it never became {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn keys_of_a_file_change_with_it_and_the_last_ones_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, jwks([&*RSA])).unwrap();
    let surface = surface(with_auth(Auth::new(of(&path))));
    assert_eq!(run(&surface, &RSA).await.who()["id"], "alice");
    assert_eq!(run(&surface, &OTHER_RSA).await.status, 401);

    // Another file is put in its place, as deployments do.
    let next = folder.path().join("next.json");
    std::fs::write(&next, jwks([&*OTHER_RSA])).unwrap();
    std::fs::rename(&next, &path).unwrap();
    until(&surface, &OTHER_RSA, 200).await;
    assert_eq!(run(&surface, &RSA).await.status, 401, "a key that was taken back");

    for broken in ["{", "{\"keys\":[]}", &" ".repeat(600 * 1024)] {
        std::fs::write(&path, broken).unwrap();
        tokio::time::sleep(SPACING * 2).await;
        assert_eq!(run(&surface, &OTHER_RSA).await.status, 200, "{:.20}", broken);
    }
    std::fs::remove_file(&path).unwrap();
    tokio::time::sleep(SPACING * 2).await;
    assert_eq!(run(&surface, &OTHER_RSA).await.status, 200);
    std::fs::write(&path, jwks([&*RSA])).unwrap();
    until(&surface, &RSA, 200).await;
    assert_eq!(run(&surface, &OTHER_RSA).await.status, 401);
}

#[test]
fn a_file_that_is_none_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let refused = |path: &Path| Jwt::with_keys_in(path, JwtRules::default(), JwtKeyOptions::default()).unwrap_err();
    assert_eq!(refused(&path).code(), "jwt_keys");
    for text in ["<html>", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}"] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(refused(&path).code(), "jwt_keys", "{text}");
    }
}
