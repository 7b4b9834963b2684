//! The client that the official conformance suite drives: `conformance client --command target/debug/examples/conformance`.
//!
//! The suite starts it with the address of a server as its argument, the scenario in `MCP_CONFORMANCE_SCENARIO`, and what
//! the scenario needs as JSON in `MCP_CONFORMANCE_CONTEXT`. Everything but two ways to a token that only the suite has goes
//! through the pool, as in the runtime.

use async_trait::async_trait;
use copilotkit_mcp::config::{Auth, Protocol};
use copilotkit_mcp::elicit::{Answer, Elicit, Form, Question};
use copilotkit_mcp::oauth::Login;
use copilotkit_mcp::{CallTerms, ErrorKind, Lease, McpError, McpPool, PoolOptions, ServerConfig, ToolDef};
use copilotkit_protocol::Json;
use copilotkit_runtime::client::{self, ClientOptions};
use http::{HeaderMap, HeaderValue, header};
use rmcp::transport::auth::enterprise::{EmaAuthorizationServer, EmaClientAuthentication, EmaExchangeRequest};
use rmcp::transport::auth::{
    AuthorizationManager, AuthorizationRequest, ClientCredentialsConfig, JwtSigningAlgorithm, OAuthHttpClient,
    OAuthHttpClientFuture, OAuthHttpRequest, OAuthState,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Where the browser would come back to; nothing listens there.
const REDIRECT: &str = "http://localhost:3000/callback";
/// A document that the suite's authorization servers take in the place of an id.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";
/// How often a server that wants more is given more.
const STEPS: usize = 3;

/// What a scenario needs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    #[serde(alias = "toolCalls")]
    tool_calls: Vec<Call>,
    client_id: Option<String>,
    client_secret: Option<String>,
    private_key_pem: Option<String>,
    signing_algorithm: Option<String>,
    idp_client_id: Option<String>,
    idp_id_token: Option<String>,
    idp_issuer: Option<String>,
    idp_token_endpoint: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// Takes what the form suggests.
struct Suggested;

#[async_trait]
impl Elicit for Suggested {
    async fn ask(&self, question: Question) -> Answer {
        match question.form {
            Form::Link(_) => Answer::Accept(None),
            Form::Fields(schema) => {
                let schema = schema.to_value();
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let missing = required.filter(|name| schema["properties"][*name]["default"].is_null());
                let content = missing.map(|name| (name.to_owned(), sample(&schema["properties"][name])));
                Answer::Accept(Some(Value::Object(content.collect())))
            }
        }
    }
}

fn sample(property: &Value) -> Value {
    match (property["type"].as_str(), property["enum"].get(0)) {
        (_, Some(first)) => first.clone(),
        (Some("boolean"), _) => json!(true),
        (Some("integer" | "number"), _) => json!(1),
        _ => json!("test"),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let url = std::env::args().nth(1).ok_or("the address of the server is the argument")?;
    let scenario = variable("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let context: Context = match variable("MCP_CONFORMANCE_CONTEXT") {
        Some(text) => serde_json::from_str(&text)?,
        None => Context::default(),
    };
    let folder = std::env::temp_dir().join(format!("copilotkit-conformance-{}", std::process::id()));
    let done = tokio::time::timeout(Duration::from_secs(25), run(&url, &scenario, &context, &folder)).await;
    let _ = std::fs::remove_dir_all(&folder);
    done.map_err(|_| "the scenario did not end in time")?
}

async fn run(url: &str, scenario: &str, context: &Context, folder: &Path) -> Outcome<()> {
    let mut config = ServerConfig::http("conformance", url)?;
    config.elicitation = true;
    config.protocol = match variable("MCP_CONFORMANCE_PROTOCOL_VERSION").as_deref() {
        Some("2026-07-28") => Protocol::Modern,
        Some(_) => Protocol::Legacy,
        None => Protocol::Auto,
    };
    if LEGACY.contains(&scenario) {
        config.protocol = Protocol::Auto;
    }
    match scenario {
        "auth/client-credentials-basic" => {
            config.auth = Some(Auth::ClientCredentials {
                client_id: context.client_id.clone().ok_or("no client_id")?,
                client_secret: context.client_secret.clone().ok_or("no client_secret")?.into(),
                scopes: Vec::new(),
            });
        }
        "auth/client-credentials-jwt" => bearer(&mut config, &signed(url, context).await?)?,
        "auth/cross-app-access-complete-flow" | "auth/enterprise-managed-authorization" => {
            bearer(&mut config, &exchanged(url, context).await?)?;
        }
        "auth/2025-03-26-oauth-metadata-backcompat" => bearer(&mut config, &misnamed(url).await?)?,
        "auth/authorization-server-migration" => return migrate(config, folder).await,
        _ if scenario.starts_with("auth/") => config.auth = Some(login(folder, context)?),
        _ => {}
    }
    exercise(config, context).await
}

/// Scenarios whose servers do not know the version that the suite says is spoken.
const LEGACY: &[&str] = &["json-schema-ref-no-deref"];

fn login(folder: &Path, context: &Context) -> Outcome<Auth> {
    Ok(Auth::AuthorizationCode {
        store: folder.join("token.json"),
        client_id: context.client_id.clone(),
        client_secret: context.client_secret.clone().map(Into::into),
        client_metadata: Some(DOCUMENT.parse()?),
        scopes: Vec::new(),
    })
}

/// Lists the tools and calls them. A server that wants to know more is told, a few times.
async fn exercise(config: ServerConfig, context: &Context) -> Outcome<()> {
    let config = Arc::new(config);
    let mut challenge = None;
    for _ in 0..STEPS {
        if let Some(challenge) = challenge.take() {
            agree(&config, challenge).await?;
        }
        let pool = McpPool::new(PoolOptions::default())?;
        let lease = pool.lease(&config, &HeaderMap::new());
        let done = once(&lease, context).await;
        drop(lease);
        pool.close().await;
        match done {
            Err(error) if error.kind == ErrorKind::Unauthorized && config.auth.is_some() => {
                eprintln!("{error}: {}", error.detail);
                challenge = Some(error.challenge);
            }
            Err(error) => return Err(format!("{error}: {}", error.detail).into()),
            Ok(()) => return Ok(()),
        }
    }
    eprintln!("the server wants more than it says");
    Ok(())
}

async fn once(lease: &Lease, context: &Context) -> Result<(), McpError> {
    let list = lease.tools().await?;
    let terms = CallTerms { elicit: Some(Arc::new(Suggested)), ..CallTerms::default() };
    let calls: Vec<(String, Map<String, Value>)> = match context.tool_calls.is_empty() {
        true => list.tools.iter().map(|tool| (tool.name.clone(), arguments(tool, &list.tools))).collect(),
        false => context.tool_calls.iter().map(|call| (call.name.clone(), call.arguments.clone())).collect(),
    };
    for (name, arguments) in calls {
        match lease.call_tool(&name, &Json::of(&arguments), &terms).await {
            Err(error) if error.kind == ErrorKind::Unauthorized => return Err(error),
            Err(error) => eprintln!("{name}: {error}: {}", error.detail),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// The tool that wants to see the schema of another one, as it came here.
const SCHEMA_ECHO: &str = "json_schema_echo";
/// That other one.
const SCHEMA_TOLD: &str = "json_schema_2020_12_tool";

fn arguments(tool: &ToolDef, tools: &[Arc<ToolDef>]) -> Map<String, Value> {
    match tools.iter().find(|other| tool.name == SCHEMA_ECHO && other.name == SCHEMA_TOLD) {
        Some(told) => [("schema".to_owned(), told.input_schema.to_value())].into_iter().collect(),
        None => required(tool),
    }
}

fn required(tool: &ToolDef) -> Map<String, Value> {
    let schema = tool.input_schema.to_value();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    required.map(|name| (name.to_owned(), sample(&schema["properties"][name]))).collect()
}

/// Logs in without a browser: the suite's authorization servers agree at once.
async fn agree(config: &ServerConfig, challenge: Option<Arc<str>>) -> Outcome<()> {
    let explained = |error: McpError| format!("{error}: {}", error.detail);
    let login = Login::begin(config, REDIRECT, challenge.as_deref()).await.map_err(explained)?;
    let answer = client::build(&ClientOptions::default())?.get(login.url()).send().await?;
    let place = answer.headers().get(header::LOCATION).ok_or("nobody agreed")?.to_str()?.to_owned();
    Ok(login.finish(&place).await.map_err(explained)?)
}

fn bearer(config: &mut ServerConfig, token: &str) -> Outcome<()> {
    config.headers.insert(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?);
    Ok(())
}

/// A token for a signed statement.
async fn signed(url: &str, context: &Context) -> Outcome<String> {
    let signing_algorithm = match context.signing_algorithm.as_deref() {
        Some("RS256") => JwtSigningAlgorithm::RS256,
        Some("ES384") => JwtSigningAlgorithm::ES384,
        _ => JwtSigningAlgorithm::ES256,
    };
    let credentials = ClientCredentialsConfig::PrivateKeyJwt {
        client_id: context.client_id.clone().ok_or("no client_id")?,
        signing_key: context.private_key_pem.clone().ok_or("no private_key_pem")?.into_bytes(),
        signing_algorithm,
        token_endpoint_audience: None,
        scopes: Vec::new(),
        resource: Some(url.to_owned()),
    };
    let mut state = OAuthState::new(url, None).await?;
    state.authenticate_client_credentials(credentials).await?;
    Ok(state.get_access_token().await?)
}

/// Takes the name out of what an authorization server says about itself.
struct Nameless(Box<dyn OAuthHttpClient>);

impl OAuthHttpClient for Nameless {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move {
            let mut answer = self.0.execute(request).await?;
            if let Ok(Value::Object(mut metadata)) = serde_json::from_slice(answer.body()) {
                metadata.remove("issuer");
                metadata.remove("authorization_response_iss_parameter_supported");
                *answer.body_mut() = Value::Object(metadata).to_string().into_bytes();
            }
            Ok(answer)
        })
    }
}

/// A token of an authorization server that does not call itself what its address says. The version of 2025-03-26 did not
/// ask for that; the runtime does, and refuses it.
async fn misnamed(url: &str) -> Outcome<String> {
    let http = Box::new(rmcp::transport::auth::default_oauth_http_client()?);
    let mut manager = AuthorizationManager::new_with_oauth_http_client(url, Arc::new(Nameless(http))).await?;
    manager.set_allow_missing_issuer(true);
    let mut state = OAuthState::Unauthorized(manager);
    state.start_authorization(AuthorizationRequest::new(REDIRECT).with_client_name("CopilotKit")).await?;
    let page = state.get_authorization_url().await?;
    let answer = client::build(&ClientOptions::default())?.get(page).send().await?;
    let place = answer.headers().get(header::LOCATION).ok_or("nobody agreed")?.to_str()?;
    let mut place = url::Url::parse(place)?;
    let said: Vec<_> = place.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
    place.query_pairs_mut().clear().extend_pairs(said);
    state.handle_callback_url(place.as_str()).await?;
    Ok(state.get_access_token().await?)
}

/// A token for that of an identity provider.
async fn exchanged(url: &str, context: &Context) -> Outcome<String> {
    let known = |value: &Option<String>, name: &str| value.clone().ok_or(format!("no {name}"));
    let metadata = AuthorizationManager::new(url).await?.resolve_metadata().await?.metadata;
    let provider = EmaAuthorizationServer::new(
        known(&context.idp_issuer, "idp_issuer")?,
        known(&context.idp_token_endpoint, "idp_token_endpoint")?,
        known(&context.idp_client_id, "idp_client_id")?,
    );
    let secret = context.client_secret.clone();
    let issuer = metadata.issuer.clone().ok_or("the authorization server has no name")?;
    let id = known(&context.client_id, "client_id")?;
    let mut server = EmaAuthorizationServer::new(issuer, metadata.token_endpoint.as_str(), id);
    if let Some(secret) = secret {
        server = server
            .with_client_authentication(EmaClientAuthentication::ClientSecretBasic(oauth2::ClientSecret::new(secret)));
    }
    let token = known(&context.idp_id_token, "idp_id_token")?;
    let http = rmcp::transport::auth::default_oauth_http_client()?;
    let request = EmaExchangeRequest::new_with_id_token(provider, server, url, &token);
    let granted = request.exchange(&http, &http).await?;
    Ok(granted.access_token.secret().clone())
}

/// The authorization server of a server changes while it is used.
async fn migrate(mut config: ServerConfig, folder: &Path) -> Outcome<()> {
    config.auth = Some(login(folder, &Context::default())?);
    for _ in 0..STEPS {
        exercise(config.clone(), &Context::default()).await?;
    }
    Ok(())
}
