//! User interfaces of servers: what an agent is offered, what a page paints, and what it may ask for.

use crate::agent::{Caller, input, pool};
use crate::fake::{Asked, Fake, Reply, text, until};
use copilotkit_mcp::apps::{AppServer, McpApps};
use copilotkit_mcp::{McpPool, McpTools, ServerConfig};
use copilotkit_protocol::{Emitted, RunAgentInput};
use copilotkit_runtime::agents::{Approval, BuiltInAgent};
use copilotkit_runtime::{Agent, EventStream, Middleware as _, Model, Next, RunContext};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn tool(name: &str, meta: Value) -> Value {
    let schema = json!({ "type": "object", "properties": { "text": { "type": "string" } } });
    json!({ "name": name, "description": "Shows", "inputSchema": schema, "_meta": meta })
}

fn ui(visibility: Value) -> Value {
    let mut ui = json!({ "resourceUri": "ui://shows/page.html" });
    if !visibility.is_null() {
        ui["visibility"] = visibility;
    }
    json!({ "ui": ui })
}

/// What a server with user interfaces lists.
fn listed() -> Value {
    json!([
        tool("show", ui(Value::Null)),
        tool("for_model", ui(json!(["model"]))),
        tool("for_app", ui(json!(["app"]))),
        tool("plain", json!({})),
        tool("AGUISendStateDelta", ui(Value::Null)),
        tool("elsewhere", json!({ "ui": { "resourceUri": "https://a.example/" } })),
    ])
}

pub(crate) fn showing() -> Fake {
    showing_and(|_| Reply::Usual)
}

fn showing_and(behaviour: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Fake {
    Fake::start(move |asked| match (behaviour(asked), asked.method.as_str()) {
        (Reply::Usual, "tools/list") => Reply::Result(json!({ "tools": listed() })),
        (Reply::Usual, "tools/call") => {
            let mut result = text(&format!("shown {}", asked.params["arguments"]));
            result["structuredContent"] = json!({ "name": asked.params["name"] });
            result["resultType"] = json!("complete");
            Reply::Result(result)
        }
        (reply, _) => reply,
    })
}

fn apps(pool: &McpPool, fake: &Fake) -> McpApps {
    let mut config = fake.config("shows");
    // A busy machine is no server that hangs.
    (config.timeouts.call, config.timeouts.call_total) = (Duration::from_secs(20), Duration::from_secs(30));
    (config.timeouts.connect, config.timeouts.list) = (Duration::from_secs(20), Duration::from_secs(20));
    McpApps::new(pool.clone(), [AppServer::new(config)]).unwrap()
}

/// An agent that makes these events of a run.
pub(crate) struct Says(Vec<Value>, pub(crate) Mutex<Vec<RunAgentInput>>);

impl Says {
    fn new(events: Value) -> Arc<Self> {
        Arc::new(Self(events.as_array().unwrap().clone(), Mutex::default()))
    }

    /// Calls a tool, and leaves the rest to others.
    pub(crate) fn calling(name: &str, arguments: &str) -> Arc<Self> {
        Self::new(json!([
            { "type": "RUN_STARTED", "threadId": "t", "runId": "r" },
            { "type": "TOOL_CALL_CHUNK", "toolCallId": "c1", "toolCallName": name, "delta": arguments },
            { "type": "RUN_FINISHED", "threadId": "t", "runId": "r" },
        ]))
    }

    fn offered(&self) -> Vec<String> {
        self.1.lock().unwrap()[0].tools.iter().map(|tool| tool.name.clone()).collect()
    }
}

impl Agent for Says {
    fn run(&self, context: RunContext) -> EventStream {
        self.1.lock().unwrap().push((*context.input).clone());
        let events: Vec<_> =
            self.0.iter().map(|event| Ok(Emitted::from_json(event.to_string().into()).unwrap())).collect();
        stream::iter(events).boxed()
    }
}

/// The events of a run behind user interfaces.
pub(crate) async fn behind(apps: &McpApps, agent: Arc<dyn Agent>, input: RunAgentInput) -> Vec<Value> {
    behind_in(apps, agent, RunContext::new("default", input)).await
}

async fn behind_in(apps: &McpApps, agent: Arc<dyn Agent>, context: RunContext) -> Vec<Value> {
    let mut events = apps.run(context, Next::new(Arc::new([]), agent));
    let mut out = Vec::new();
    while let Some(event) = events.next().await {
        out.push(serde_json::from_slice(&event.unwrap().to_json()).unwrap());
    }
    out
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

/// What a page is told that asks for something.
pub(crate) async fn ask(apps: &McpApps, request: Value) -> Value {
    let agent = Says::calling("nothing", "{}");
    let input = input(json!({ "forwardedProps": { "__proxiedMCPRequest": request } }));
    let events = behind(apps, agent.clone(), input).await;
    assert_eq!(agent.1.lock().unwrap().len(), 0, "the agent is not asked");
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0], json!({ "type": "RUN_STARTED", "threadId": "r", "runId": "r" }));
    assert_eq!((&events[1]["type"], &events[1]["threadId"]), (&json!("RUN_FINISHED"), &json!("r")));
    events[1]["result"].clone()
}

async fn call(apps: &McpApps, name: &str) -> Value {
    let params = json!({ "name": name, "arguments": { "text": "x" }, "_meta": { "progressToken": "mine" } });
    ask(apps, json!({ "serverId": "shows", "serverHash": "", "method": "tools/call", "params": params })).await
}

#[tokio::test]
async fn a_call_is_executed_once_the_agent_is_done_and_the_page_is_told_what_to_paint() {
    let (fake, pool) = (showing(), pool());
    let server = AppServer::new(fake.config("shows"));
    let hash = server.hash().to_owned();
    let apps = McpApps::new(pool.clone(), [server]).unwrap();
    let agent = Says::calling("show", "{\"text\":\"a\"}");
    let events = behind(&apps, agent.clone(), input(json!({}))).await;
    assert_eq!(agent.offered(), ["show", "for_model"]);
    let offered = agent.1.lock().unwrap()[0].tools[0].clone();
    assert_eq!(offered.description, "Shows\n[UI Resource: ui://shows/page.html]");
    assert_eq!(offered.parameters.as_ref().unwrap().to_value(), tool("", json!({}))["inputSchema"]);

    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[kinds.len() - 3..], ["TOOL_CALL_RESULT", "ACTIVITY_SNAPSHOT", "RUN_FINISHED"]);
    let result = of_type(&events, "TOOL_CALL_RESULT")[0];
    assert_eq!((&result["toolCallId"], &result["content"]), (&json!("c1"), &json!("shown {\"text\":\"a\"}")));
    let activity = of_type(&events, "ACTIVITY_SNAPSHOT")[0];
    assert_eq!((&activity["activityType"], &activity["replace"]), (&json!("mcp-apps"), &json!(true)));
    let mut whole = text("shown {\"text\":\"a\"}");
    whole["structuredContent"] = json!({ "name": "show" });
    let expected = json!({
        "result": whole, "resourceUri": "ui://shows/page.html", "serverHash": hash, "serverId": "shows",
        "toolInput": { "text": "a" },
    });
    assert_eq!(activity["content"], expected, "without what the protocol adds to a result");
    assert_eq!(agent.1.lock().unwrap().len(), 1, "the agent is not run again");
    assert_eq!(pool.stats().leases, 0);
    pool.close().await;
}

#[tokio::test]
async fn a_user_interface_reaches_what_is_meant_for_it_and_nothing_else() {
    let (fake, pool) = (showing(), pool());
    let config = ServerConfig { exclude_tools: vec!["plain".to_owned()], ..fake.config("shows") };
    let apps = McpApps::new(pool.clone(), [AppServer::new(config)]).unwrap();
    for name in ["show", "for_app"] {
        let answer = call(&apps, name).await;
        assert_eq!((&answer["structuredContent"]["name"], answer.get("resultType")), (&json!(name), None));
    }
    assert_eq!(fake.seen.count("tools/call"), 2);
    let refused = |answer: &Value| (answer["code"] == "tool_not_for_app", answer["error"].clone());
    assert_eq!(
        refused(&call(&apps, "for_model").await),
        (true, json!("Error: The tool `for_model` is not for user interfaces."))
    );
    assert!(refused(&call(&apps, "plain").await).0, "it is excluded");
    assert_eq!(call(&apps, "unlisted").await, json!({ "error": "Error: MCP request failed" }));
    let shows = |method: &str, params: Value| json!({ "serverId": "shows", "method": method, "params": params });
    for uri in ["file:///etc/passwd", "https://a.example/", "", "ui://a\nb"] {
        let answer = ask(&apps, shows("resources/read", json!({ "uri": uri }))).await;
        assert!(refused(&answer).0, "{uri}: {answer}");
    }
    assert!(refused(&ask(&apps, shows("resources/read", json!({}))).await).0);
    for method in ["tools/list", "resources/list", "prompts/get", "sampling/createMessage", "initialize", "", "Ping"] {
        let answer = ask(&apps, shows(method, json!({}))).await;
        assert_eq!(answer, json!({ "error": format!("Error: MCP method not allowed for UI proxy: {method}") }));
    }
    assert_eq!((fake.seen.count("tools/call"), fake.seen.count("resources/read")), (2, 0));

    let read = ask(&apps, shows("resources/read", json!({ "uri": "ui://shows/page.html" }))).await;
    assert_eq!(read["contents"][0]["text"], "hello");
    assert_eq!(ask(&apps, shows("ping", Value::Null)).await, json!({}));
    assert_eq!(ask(&apps, shows("notifications/message", json!({ "data": "x" }))).await, json!({ "success": true }));
    assert_eq!(fake.seen.count("notifications/message"), 0, "servers take no such notification");
    for junk in [json!("junk"), json!([]), json!({ "method": 7 }), json!({ "serverId": {} })] {
        assert!(ask(&apps, junk).await["error"].is_string());
    }
    pool.close().await;
}

#[tokio::test]
async fn what_needs_a_person_s_leave_has_no_user_interface() {
    let (fake, pool) = (showing(), pool());
    let apps = apps(&pool, &fake).approval("default", Approval::tools(["show"]));
    let agent = Says::calling("show", "{}");
    let events = behind(&apps, agent.clone(), input(json!({}))).await;
    assert_eq!(agent.offered(), ["for_model"]);
    assert_eq!(of_type(&events, "TOOL_CALL_RESULT").len(), 0);
    assert_eq!(call(&apps, "show").await["code"], "tool_not_for_app");
    assert_eq!(fake.seen.count("tools/call"), 0);
    // The agent asks for leave itself: to it the tool is one as any other.
    let model = Caller::new("show", json!({}));
    let tools = McpTools::new(pool.clone(), [Arc::new(fake.config("shows"))]).beside(apps.clone());
    let agent = BuiltInAgent::builder(Arc::clone(&model) as Arc<dyn Model>)
        .approval(Approval::tools(["show"]))
        .tool_source(Arc::new(tools))
        .build();
    let events = behind(&apps, Arc::new(agent), input(json!({}))).await;
    assert_eq!(events.last().unwrap()["outcome"]["interrupts"][0]["reason"], "tool_approval");
    assert_eq!(fake.seen.count("tools/call"), 0);
    pool.close().await;
}

#[tokio::test]
async fn a_tool_with_a_user_interface_is_offered_once() {
    let (fake, pool) = (showing(), pool());
    let apps = apps(&pool, &fake);
    let model = Caller::new("show", json!({ "text": "a" }));
    let config = Arc::new(ServerConfig { apps: true, ..fake.config("shows") });
    let tools = McpTools::new(pool.clone(), [config]).beside(apps.clone());
    let agent = BuiltInAgent::builder(Arc::clone(&model) as Arc<dyn Model>).tool_source(Arc::new(tools)).build();
    let events = behind(&apps, Arc::new(agent), input(json!({}))).await;
    assert_eq!(of_type(&events, "ACTIVITY_SNAPSHOT").len(), 1);
    assert_eq!(model.requests.lock().unwrap().len(), 1, "the page goes on from here");
    let mut offered = model.offered();
    offered.retain(|name| !name.starts_with("AGUI"));
    assert_eq!(offered, ["show", "for_model", "plain", "elsewhere"]);
    assert_eq!(fake.seen.count("initialize"), 1, "both use one connection");
    pool.close().await;
}

#[tokio::test]
async fn no_server_takes_the_name_of_the_page_s_tool_or_of_another_server_s() {
    let (first, second, pool) = (showing(), showing(), pool());
    let servers = [AppServer::new(first.config("a")), AppServer::new(second.config("b"))];
    let apps = McpApps::new(pool.clone(), servers).unwrap();
    let agent = Says::calling("show", "{}");
    let page = json!({ "tools": [{ "name": "for_model", "description": "The page's" }] });
    behind(&apps, agent.clone(), input(page)).await;
    assert_eq!(agent.offered(), ["for_model", "show"]);
    assert_eq!((first.seen.count("tools/call"), second.seen.count("tools/call")), (1, 0));
    pool.close().await;
}

#[tokio::test]
async fn servers_are_told_apart_and_belong_to_agents() {
    let (fake, pool) = (showing(), pool());
    let entry = |json: Value| AppServer::from_upstream(serde_json::from_value(json).unwrap(), 0).unwrap();
    let url = fake.url("/mcp");
    let unnamed = || entry(json!({ "type": "http", "url": url }));
    let named = |id: &str| entry(json!({ "type": "http", "url": url, "serverId": id }));
    assert!(McpApps::new(pool.clone(), [named("a"), named("a")]).is_err());
    assert!(McpApps::new(pool.clone(), [unnamed(), named("a")]).is_err());
    let alone = McpApps::new(pool.clone(), [unnamed()]).unwrap();
    let hash = unnamed().hash().to_owned();
    assert_eq!(ask(&alone, json!({ "serverHash": hash, "method": "ping" })).await, json!({}));
    let events = behind(&alone, Says::calling("show", "{}"), input(json!({}))).await;
    assert_eq!(of_type(&events, "ACTIVITY_SNAPSHOT")[0]["content"].get("serverId"), None);

    let of_other = entry(json!({ "type": "http", "url": url, "serverId": "c", "agentId": "other" }));
    let apps = McpApps::new(pool.clone(), [named("a"), named("b"), of_other]).unwrap();
    let unknown = |name: &str| json!({ "error": format!("Unknown server: {name}") });
    assert_eq!(ask(&apps, json!({ "serverHash": hash, "method": "ping" })).await, unknown(&hash), "which of the two?");
    assert_eq!(ask(&apps, json!({ "serverHash": "x", "serverId": "b", "method": "ping" })).await, json!({}));
    assert_eq!(ask(&apps, json!({ "serverHash": hash, "serverId": "c", "method": "ping" })).await, unknown("c"));
    assert_eq!(ask(&apps, json!({ "method": "ping" })).await, unknown(""));
    let none = McpApps::new(pool.clone(), []).unwrap();
    assert_eq!(ask(&none, json!({ "serverId": "a", "method": "ping" })).await, unknown("a"));
    pool.close().await;
}

#[tokio::test]
async fn a_server_that_hangs_or_says_too_much_is_an_error_with_a_code() {
    let fake = showing_and(|asked| match asked.method.as_str() {
        "tools/call" => Reply::Hang,
        "resources/read" => {
            let document = "x".repeat(9 * 1024 * 1024);
            Reply::Result(json!({ "contents": [{ "uri": "ui://shows/page.html", "text": document }] }))
        }
        _ => Reply::Usual,
    });
    let pool = pool();
    let apps = McpApps::new(pool.clone(), [AppServer::new(fake.config("shows"))]).unwrap();
    let began = Instant::now();
    let failed = |code: &str| json!({ "error": "Error: MCP request failed", "code": code });
    assert_eq!(call(&apps, "show").await, failed("tool_timeout"));
    let params = json!({ "uri": "ui://shows/page.html" });
    let read = json!({ "serverId": "shows", "method": "resources/read", "params": params });
    assert_eq!(ask(&apps, read).await, failed("tool_too_large"));
    let events = behind(&apps, Says::calling("show", "{}"), input(json!({}))).await;
    let content = of_type(&events, "TOOL_CALL_RESULT")[0]["content"].as_str().unwrap();
    let told: Value = serde_json::from_str(content).unwrap();
    assert_eq!(told["reason"], "tool_timeout");
    assert!(told["error"].as_str().unwrap().contains("did not answer in time"), "{told}");
    assert_eq!(of_type(&events, "ACTIVITY_SNAPSHOT").len(), 0);
    assert_eq!(events.last().unwrap()["type"], "RUN_FINISHED");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_costs_a_run_its_user_interfaces_alone() {
    let (fake, mut dead, pool) = (showing(), Fake::usual(), pool());
    tokio::task::block_in_place(|| dead.kill());
    let servers = [AppServer::new(dead.config("dead")), AppServer::new(fake.config("shows"))];
    let apps = McpApps::new(pool.clone(), servers).unwrap();
    let agent = Says::calling("show", "{}");
    let events = behind(&apps, agent.clone(), input(json!({}))).await;
    assert_eq!(agent.offered(), ["show", "for_model"]);
    assert_eq!(of_type(&events, "ACTIVITY_SNAPSHOT").len(), 1);
    let answer = ask(&apps, json!({ "serverId": "dead", "method": "ping" })).await;
    assert_eq!(answer, json!({ "error": "Error: MCP request failed" }));

    let required = ServerConfig { required: true, ..dead.config("dead") };
    let needing = McpApps::new(pool.clone(), [AppServer::new(required)]).unwrap();
    let mut events = needing.run(RunContext::new("default", input(json!({}))), Next::new(Arc::new([]), agent.clone()));
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("tool_source_unavailable", true));
    assert_eq!(agent.1.lock().unwrap().len(), 1, "the agent is not asked");
    pool.close().await;
}

#[tokio::test]
async fn only_open_calls_of_this_run_are_executed() {
    let (fake, pool) = (showing(), pool());
    let apps = apps(&pool, &fake);
    let started = json!({ "type": "RUN_STARTED", "threadId": "t", "runId": "r" });
    let chunk = |id: &str, name: &str| json!({ "type": "TOOL_CALL_CHUNK", "toolCallId": id, "toolCallName": name, "delta": format!("{{\"text\":\"{id}\"}}") });
    let finished =
        |outcome: Value| json!({ "type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": outcome });
    let executed = async |events: Value, input: RunAgentInput| {
        let events = behind(&apps, Says::new(events), input).await;
        let shown = of_type(&events, "ACTIVITY_SNAPSHOT");
        shown.iter().map(|event| event["content"]["toolInput"]["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // In the order in which they were made; not what somebody answered already, and no other tool.
    let answered = json!({ "type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "b", "content": "done" });
    let success = json!({ "type": "success" });
    let calls = [chunk("a", "show"), chunk("b", "show"), answered, chunk("c", "plain"), chunk("d", "for_model")];
    let all = |outcome: &Value| Value::from([&[started.clone()][..], &calls, &[finished(outcome.clone())]].concat());
    assert_eq!(executed(all(&success), input(json!({}))).await, ["a", "d"]);
    // A person is asked about one of them.
    let asks = json!({ "type": "interrupt", "interrupts": [{ "id": "i", "reason": "x", "toolCallId": "a" }] });
    assert_eq!(executed(all(&asks), input(json!({}))).await, ["d"]);
    // The run was stopped, or failed.
    assert!(executed(all(&json!({ "type": "cancelled" })), input(json!({}))).await.is_empty());
    let failed = json!([started, chunk("a", "show"), { "type": "RUN_ERROR", "message": "no" }]);
    assert!(executed(failed, input(json!({}))).await.is_empty());
    // Some agents show their calls in a snapshot; those of earlier runs stay what they are.
    let said = |message: &str, call: &str| {
        let call = json!({ "id": call, "type": "function", "function": { "name": "show", "arguments": format!("{{\"text\":\"{call}\"}}") } });
        json!({ "id": message, "role": "assistant", "toolCalls": [call] })
    };
    let history = json!({ "messages": [{ "id": "u", "role": "user", "content": "go" }, said("old", "o")] });
    let snapshot = json!({ "type": "MESSAGES_SNAPSHOT", "messages": [said("old", "o"), said("new", "n")] });
    let events = json!([started, snapshot, finished(success)]);
    assert_eq!(executed(events, input(history)).await, ["n"]);
    pool.close().await;
}

#[tokio::test]
async fn arguments_that_do_not_fit_reach_no_server() {
    let (fake, pool) = (showing(), pool());
    let apps = apps(&pool, &fake);
    for arguments in ["{\"text\":7}", "{\"text\":", "[]"] {
        let events = behind(&apps, Says::calling("show", arguments), input(json!({}))).await;
        let content = of_type(&events, "TOOL_CALL_RESULT")[0]["content"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(content).unwrap()["reason"], "tool_arguments", "{content}");
    }
    assert_eq!(fake.seen.count("tools/call"), 0);
    // A model that has nothing to say says nothing.
    behind(&apps, Says::calling("show", ""), input(json!({}))).await;
    assert_eq!(fake.seen.count("tools/call"), 1);
    pool.close().await;
}

#[tokio::test]
async fn a_stopped_run_executes_nothing_more_and_tells_the_server() {
    let fake = showing_and(|asked| if asked.method == "tools/call" { Reply::Hang } else { Reply::Usual });
    let pool = pool();
    let apps = apps(&pool, &fake);
    let context = RunContext::new("default", input(json!({})));
    let cancel = context.cancel.clone();
    let asked = behind_in(&apps, Says::calling("show", "{}"), context);
    let stops = async {
        until(|| fake.seen.count("tools/call") > 0).await;
        cancel.cancel();
    };
    let (events, ()) = tokio::time::timeout(Duration::from_secs(5), futures::future::join(asked, stops)).await.unwrap();
    assert!(of_type(&events, "RUN_FINISHED").is_empty(), "who stopped it ends it");
    until(|| fake.seen.count("notifications/cancelled") > 0).await;
    assert_eq!(fake.seen.count("notifications/cancelled"), 1, "the server is told");
    assert_eq!(pool.stats().leases, 0);
    pool.close().await;
}

/// What user interfaces add to a run before its agent is asked. The bound is for busy machines; the figure is printed.
#[tokio::test]
async fn warm_user_interfaces_add_less_than_a_millisecond() {
    let (fake, pool) = (showing(), pool());
    let apps = apps(&pool, &fake);
    let agent = Says::calling("plain", "{}");
    behind(&apps, agent.clone(), input(json!({}))).await;
    let mut times: Vec<_> = Vec::new();
    for _ in 0..1_000 {
        let context = RunContext::new("default", input(json!({})));
        let began = Instant::now();
        let mut events = apps.run(context, Next::new(Arc::new([]), agent.clone()));
        events.next().await.unwrap().unwrap();
        times.push(began.elapsed());
    }
    times.sort();
    println!("a warm server of user interfaces: p50 {:?}, p99 {:?}", times[500], times[990]);
    assert!(times[500] < Duration::from_millis(5), "{:?}", times[500]);
    assert_eq!(fake.seen.count("tools/list"), 1, "nothing is listed on the way");
    pool.close().await;
}

#[tokio::test]
async fn runs_and_requests_share_connections_and_leave_none_open() {
    let fake = showing();
    let rounds = if std::env::var_os("COPILOTKIT_TEST_FULL").is_some() { 1_000 } else { 100 };
    let pool = pool();
    let apps = apps(&pool, &fake);
    let agent = Says::calling("show", "{}");
    let one = async || {
        let events = behind(&apps, agent.clone(), input(json!({}))).await;
        assert_eq!(of_type(&events, "ACTIVITY_SNAPSHOT").len(), 1);
        assert!(call(&apps, "for_app").await["content"].is_array());
    };
    one().await;
    let before = fake.seen.open();
    let began = Instant::now();
    let mut work = stream::iter((0..rounds).map(|_| one())).buffer_unordered(100);
    while work.next().await.is_some() {}
    drop(work);
    let (made, open) = (fake.seen.made(), fake.seen.open());
    println!(
        "{rounds} runs and as many requests in {:?}: {before} sockets before, {open} after, {made} made",
        began.elapsed()
    );
    assert_eq!((fake.seen.count("initialize"), fake.seen.count("tools/list")), (1, 1));
    assert_eq!(fake.seen.count("tools/call"), 2 * (rounds + 1));
    assert!(made <= 20, "{made} sockets");
    assert_eq!(pool.stats().leases, 0);
    pool.close().await;
    drop((pool, apps));
    assert_eq!(fake.settles_at(0).await, 0, "sockets are left");
}
