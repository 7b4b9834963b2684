//! What the cards say, and who may read them.

use super::kit::{FORMS, Server};
use copilotkit_a2a::server::{A2aServerOptions, AG_UI_EXTENSION, CardOptions, SkillOptions};
use copilotkit_a2a::types::{AgentCard, Provider, SecurityScheme};
use copilotkit_runtime::Principal;
use copilotkit_runtime::http::SurfaceOptions;
use copilotkit_runtime::http::auth::{Auth, Bearer};
use copilotkit_runtime::store::MemoryStore;
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test]
async fn every_agent_has_a_card_and_the_first_one_s_is_that_of_the_server() {
    let server = Server::start().await;
    let get = async |path: &str| {
        let response = server.request("GET", path, &[], None).await;
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, root) = get("/.well-known/agent-card.json").await;
    assert_eq!(status, 200);
    assert_eq!(root, get("/a2a/default/.well-known/agent-card.json").await.1);
    let card: Value = serde_json::from_str(&get("/a2a/obedient/.well-known/agent-card.json").await.1).unwrap();
    let url = format!("{}/a2a/obedient", server.origin);
    assert_eq!(
        card["supportedInterfaces"],
        json!([
            { "url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0" },
            { "url": url, "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0" },
        ])
    );
    assert_eq!((&card["name"], &card["description"]), (&json!("obedient"), &json!("Does what it is told.")));
    assert_eq!(card["capabilities"]["streaming"], true);
    assert_eq!(card["capabilities"]["extensions"][0]["uri"], AG_UI_EXTENSION);
    assert_eq!(card["skills"][0]["id"], "obedient");
    assert!(card.get("securitySchemes").is_none());
    assert_eq!(get("/a2a/nobody/.well-known/agent-card.json").await.0, 404);
    let encoded: Value =
        serde_json::from_str(&get("/a2a/needs%20encoding%2F%C3%A9/.well-known/agent-card.json").await.1).unwrap();
    let url = encoded["supportedInterfaces"][0]["url"].as_str().unwrap();
    assert_eq!(url.strip_prefix(&server.origin), Some("/a2a/needs%20encoding%2F%C3%A9"));
    let task = server.asks(FORMS[0], "needs%20encoding%2F%C3%A9").say("c", "hi").await;
    assert_eq!(super::kit::state(&task), "COMPLETED");
}

#[tokio::test]
async fn a_card_is_sent_once_to_who_keeps_it() {
    let server = Server::start().await;
    let path = "/a2a/default/.well-known/agent-card.json";
    let first = server.request("GET", path, &[], None).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert!(first.headers()["cache-control"].to_str().unwrap().contains("max-age="));
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let again = server.request("GET", path, &[("if-none-match", known)], None).await;
        assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, tag.as_str()));
        assert_eq!(again.text().await.unwrap(), "");
    }
    let other = server.request("GET", path, &[("if-none-match", "\"x\"".to_owned())], None).await;
    assert_eq!(other.status().as_u16(), 200);
    let head = server.request("HEAD", path, &[], None).await;
    assert_eq!((head.status().as_u16(), head.headers()["etag"].to_str().unwrap()), (200, tag.as_str()));
    assert_eq!(server.request("POST", path, &[], None).await.status().as_u16(), 405);
}

#[tokio::test]
async fn a_card_says_what_it_is_told_to() {
    let bearer = Bearer::new([("token-of-alice", Principal::new("alice"))]).unwrap();
    let surface = SurfaceOptions { auth: Some(Auth::new(bearer)), ..SurfaceOptions::default() };
    let skill = SkillOptions {
        id: "plan".to_owned(),
        tags: vec!["travel".to_owned()],
        examples: vec!["Plan a day in Oslo".to_owned()],
        ..SkillOptions::default()
    };
    let card = CardOptions {
        name: Some("Planner".to_owned()),
        description: Some("Plans journeys.".to_owned()),
        version: Some("7".to_owned()),
        skills: vec![skill],
        ..CardOptions::default()
    };
    let options = A2aServerOptions {
        path: "agents/".to_owned(),
        url: Some("https://agents.example.com/".to_owned()),
        agents: vec!["obedient".to_owned()],
        cards: [("obedient".to_owned(), card)].into(),
        provider: Some(Provider { organization: "Example".to_owned(), url: "https://example.com".to_owned() }),
        security: Some(SecurityScheme::Http { scheme: "Bearer".to_owned(), bearer_format: None, description: None }),
        ..A2aServerOptions::default()
    };
    let server = Server::with(Arc::new(MemoryStore::default()), options, surface).await;
    let response = server.request("GET", "/.well-known/agent-card.json", &[], None).await;
    assert_eq!(response.status().as_u16(), 200, "it is for everybody");
    let text = response.text().await.unwrap();
    let card: AgentCard = serde_json::from_str(&text).unwrap();
    assert_eq!((card.name.as_str(), card.version.as_str()), ("Planner", "7"));
    assert_eq!(card.supported_interfaces[0].url, "https://agents.example.com/agents/obedient");
    assert_eq!((card.skills[0].name.as_str(), card.skills[0].description.as_str()), ("plan", "Plans journeys."));
    // Who calls writes `credentials = { bearer = "…" }`.
    assert_eq!(card.security_requirements[0].0.keys().collect::<Vec<_>>(), ["bearer"]);
    assert_eq!(card.security_schemes.keys().collect::<Vec<_>>(), ["bearer"]);
    assert_eq!(card.provider.unwrap().organization, "Example");
    // The official types read it, too.
    let official: a2a::AgentCard = serde_json::from_str(&text).unwrap();
    assert_eq!(official.name, "Planner");
    let hidden = server.request("GET", "/agents/default/.well-known/agent-card.json", &[], None).await;
    assert_eq!(hidden.status().as_u16(), 404, "it is not served");
}
