//! Keys at an address: they change, they fail to come, and they are not asked for more often than they should.

use super::harness::{Answer, ask, input, surface, with_auth};
use super::signing::{OTHER_RSA, RSA, Signer, claims, jwks};
use copilotkit_fixtures::{AgentServer, Script};
use copilotkit_runtime::http::Surface;
use copilotkit_runtime::http::auth::{Auth, Jwt, JwtKeyOptions, JwtRules};
use futures::future::join_all;
use std::time::{Duration, Instant};

const SPACING: Duration = Duration::from_secs(1);

fn keys(signer: &Signer) -> Script {
    Script::new().head(200, &[("content-type", "application/json")]).bytes(jwks([signer]))
}

fn status(status: u16) -> Script {
    Script::new().head(status, &[("location", "http://127.0.0.1:1/")])
}

async fn serve(scripts: impl IntoIterator<Item = Script>) -> (AgentServer, Surface) {
    let server = AgentServer::start_all(scripts).await.unwrap();
    let surface = at(&server.url());
    (server, surface)
}

fn at(url: &str) -> Surface {
    let rules = JwtRules { audience: vec!["chat".to_owned()], ..JwtRules::default() };
    let options = JwtKeyOptions { spacing: SPACING, deadline: Duration::from_secs(2), ..JwtKeyOptions::default() };
    surface(with_auth(Auth::new(Jwt::with_keys_at(url, rules, options).unwrap())))
}

async fn run(surface: &Surface, signer: &Signer) -> Answer {
    let token = signer.token(&claims());
    ask(surface, "POST", "/copilotkit/agent/quick/run", Some(&token), &input("t").to_string()).await
}

#[tokio::test]
async fn new_keys_are_found_when_a_token_names_one_and_old_ones_go() {
    let (server, surface) = serve([keys(&RSA), keys(&OTHER_RSA)]).await;
    assert_eq!(run(&surface, &RSA).await.who()["id"], "alice", "the first token waits for the first keys");
    assert_eq!(server.requests().len(), 1);
    let early = run(&surface, &OTHER_RSA).await;
    assert_eq!((early.status.as_u16(), server.requests().len()), (401, 1), "asked for just now");
    tokio::time::sleep(SPACING).await;
    assert_eq!(run(&surface, &OTHER_RSA).await.who()["id"], "alice");
    assert_eq!(server.requests().len(), 2);
    let old = run(&surface, &RSA).await;
    assert_eq!((old.status.as_u16(), old.code().as_str()), (401, "invalid_token"));
}

#[tokio::test]
async fn made_up_key_ids_do_not_become_requests() {
    let (server, surface) = serve([keys(&RSA)]).await;
    assert_eq!(run(&surface, &RSA).await.status, 200);
    let began = Instant::now();
    for _ in 0..3 {
        let answers = join_all((0..40).map(|_| run(&surface, &OTHER_RSA))).await;
        assert!(answers.iter().all(|answer| answer.status == 401));
    }
    let most = 2 + began.elapsed().as_millis() / SPACING.as_millis();
    assert!(server.requests().len() as u128 <= most, "{} in {:?}", server.requests().len(), began.elapsed());
    assert_eq!(run(&surface, &RSA).await.status, 200);
}

#[tokio::test]
async fn the_last_keys_hold_while_the_address_fails() {
    let junk = Script::new().head(200, &[]).bytes("<html>sign in</html>");
    let empty = Script::new().head(200, &[]).bytes("{\"keys\":[]}");
    let large = Script::new().head(200, &[]).bytes(" ".repeat(600 * 1024));
    let broken = [status(500), status(302), status(404), junk, empty, large, Script::new().reset()];
    let tried = broken.map(|script| async move {
        let name = format!("{script:.120?}");
        let (server, surface) = serve([keys(&RSA), script]).await;
        assert_eq!(run(&surface, &RSA).await.status, 200);
        tokio::time::sleep(SPACING).await;
        assert_eq!(run(&surface, &OTHER_RSA).await.status, 401, "{name}");
        assert!(server.requests().len() >= 2, "{name}");
        assert_eq!(run(&surface, &RSA).await.status, 200, "{name}");
    });
    join_all(tried).await;
}

#[tokio::test]
async fn without_any_keys_yet_the_answer_is_that_it_may_work_later() {
    let (_server, surface) = serve([status(500), keys(&RSA)]).await;
    let answer = run(&surface, &RSA).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "auth_unavailable"));
    assert_eq!(answer.headers["retry-after"], "1");
    // Nobody has to ask for them again.
    let deadline = Instant::now() + Duration::from_secs(5);
    while run(&surface, &RSA).await.status != 200 {
        assert!(Instant::now() < deadline, "the keys come by themselves");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let none = ask(&surface, "GET", "/copilotkit/info", None, "").await;
    assert_eq!(none.status, 401);
}

#[tokio::test]
async fn an_address_that_never_answers_does_not_hold_anybody_for_long() {
    let (_server, surface) = serve([Script::new().stall()]).await;
    let began = Instant::now();
    assert_eq!(run(&surface, &RSA).await.status, 503);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
