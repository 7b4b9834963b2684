//! What an agent can be set to: the window, its capabilities, limits of tools, tools with typed arguments.

use crate::kit::*;
use copilotkit_protocol::{AgentCapabilities, ToolsCapabilities};
use copilotkit_runtime::agents::{Approval, BuiltInAgent};
use copilotkit_runtime::model::{ModelMessage, ModelTraits};
use copilotkit_runtime::tools::FnTool;
use copilotkit_runtime::{Agent as _, Model, ModelRequest, ModelStream, ToolError};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A model of which something is known.
struct Known(Arc<Script>, ModelTraits);

impl Model for Known {
    fn stream(&self, request: ModelRequest) -> ModelStream {
        self.0.stream(request)
    }
    fn provider(&self) -> &str {
        "known"
    }
    fn name(&self) -> &str {
        "known"
    }
    fn traits(&self) -> ModelTraits {
        self.1
    }
}

/// A conversation of this many turns of 300 bytes, and its state of messages.
fn long(turns: usize) -> copilotkit_protocol::RunAgentInput {
    let words = "x".repeat(150);
    let messages: Vec<Value> = (0..turns)
        .flat_map(|turn| {
            [
                json!({ "id": format!("u{turn}"), "role": "user", "content": format!("{turn} {words}") }),
                json!({ "id": format!("a{turn}"), "role": "assistant", "content": words }),
            ]
        })
        .chain([json!({ "id": "last", "role": "user", "content": "and now?" })])
        .collect();
    input(&json!({ "threadId": "t", "runId": "r", "messages": messages }).to_string())
}

#[tokio::test]
async fn old_turns_are_left_out_where_the_model_is_too_small() {
    let told = async |window: Option<u64>, known: Option<u64>| {
        let script = Script::new([stop([text("m", &["x"])])]);
        let traits = ModelTraits { context_window: known, ..Default::default() };
        let mut builder = BuiltInAgent::builder(Arc::new(Known(script.clone(), traits))).prompt("Be brief.");
        if let Some(tokens) = window {
            builder = builder.context_window(tokens);
        }
        let (events, error) = run(&builder.build(), long(100)).await;
        assert!(error.is_none());
        (script.calls().remove(0).messages, events.last().unwrap()["metadata"]["messagesLeftOut"].clone())
    };
    let (all, left_out) = told(None, None).await;
    assert_eq!((all.len(), left_out), (202, Value::Null), "nothing is known, nothing is left out");
    let (kept, left_out) = told(None, Some(4_000)).await;
    assert!((10..100).contains(&kept.len()), "{}", kept.len());
    assert_eq!(left_out, json!(202 - kept.len()));
    assert!(matches!(&kept[0], ModelMessage::System { .. }) && kept[1..] == all[all.len() - kept.len() + 1..]);
    assert!(matches!(&kept[1], ModelMessage::User { .. }), "a turn is whole");
    let (most, _) = told(Some(1_000_000), Some(4_000)).await;
    assert_eq!(most.len(), 202, "the configuration knows better");
    let (least, _) = told(Some(10), None).await;
    assert_eq!(least.len(), 2, "instructions and the last turn stay");
}

#[tokio::test]
async fn capabilities_are_those_of_the_model_and_the_configuration() {
    let of = async |builder: copilotkit_runtime::agents::BuiltInAgentBuilder| {
        serde_json::to_value(builder.build().capabilities().await.unwrap().unwrap()).unwrap()
    };
    let known = |traits| BuiltInAgent::builder(Arc::new(Known(Script::new([]), traits)));
    let plain = of(known(ModelTraits::default())).await;
    assert_eq!(plain.get("multimodal"), None, "unknown is undeclared");
    assert_eq!(plain["reasoning"], json!({ "streaming": true, "encrypted": true }));
    let person = json!({ "supported": true, "approvals": false, "interrupts": true, "approveWithEdits": false });
    assert_eq!(plain["humanInTheLoop"], person);

    let traits = ModelTraits { images: Some(true), pdf: Some(false), reasoning: Some(false), ..Default::default() };
    let seen = of(known(traits).approval(Approval::Always).max_steps(3)).await;
    assert_eq!(seen["multimodal"], json!({ "input": { "image": true, "pdf": false } }));
    assert_eq!(seen["reasoning"], json!({ "supported": false }));
    assert_eq!(seen["humanInTheLoop"]["approveWithEdits"], true);
    assert_eq!(seen["execution"], json!({ "maxIterations": 3 }));

    let tools = Some(ToolsCapabilities { supported: Some(false), ..Default::default() });
    let own = of(known(traits).capabilities(AgentCapabilities { tools, ..Default::default() })).await;
    assert_eq!(own["tools"], json!({ "supported": false }), "a group is replaced as a whole");
    assert_eq!(own["transport"], json!({ "streaming": true }));
}

#[tokio::test]
async fn a_tool_s_own_limit_goes_before_the_agent_s() {
    let slow = |name: &str| {
        FnTool::new(name, "", Value::Null, |_| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(json!("done"))
        })
    };
    let script = Script::new([
        calls([call("c1", "patient", &["{}"]), call("c2", "usual", &["{}"]), call("c3", "hasty", &["{}"])]),
        stop([text("m", &["x"])]),
    ]);
    let agent = BuiltInAgent::builder(script.clone())
        .tool(Arc::new(slow("patient").timeout(Duration::from_secs(5))))
        .tool(Arc::new(slow("usual")))
        .tool(Arc::new(slow("hasty").timeout(Duration::from_millis(10))))
        .tool_timeout(Duration::from_millis(50))
        .build();
    run(&agent, hi()).await;
    let failed: Vec<_> = tool_results(&script.calls()[1]).into_iter().map(|(_, is_error)| is_error).collect();
    assert_eq!(failed, [false, true, true]);
}

#[cfg(feature = "typed-tools")]
mod typed {
    use super::*;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Order {
        /// As it stands on the bill.
        number: u8,
        #[serde(default)]
        lines: Vec<Line>,
    }

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Line {
        item: String,
    }

    #[tokio::test]
    async fn a_struct_says_what_the_arguments_are() {
        let tool = FnTool::typed_with("order", "Orders", |order: Order, run| async move {
            match order.number {
                0 => Err(ToolError::failed("There is no order 0.")),
                number => Ok(json!({
                    "agent": &*run.agent_id,
                    "number": number,
                    "items": order.lines.into_iter().map(|line| line.item).collect::<Vec<_>>(),
                })),
            }
        });
        let script = Script::new([
            calls([
                call("c1", "order", &[r#"{"number":7,"lines":[{"item":"tea"}]}"#]),
                call("c2", "order", &[r#"{"number":0}"#]),
                call("c3", "order", &[r#"{"number":1,"lines":[{}]}"#]),
                call("c4", "order", &[r#"{"number":7.5}"#]),
            ]),
            stop([text("m", &["x"])]),
        ]);
        let agent = BuiltInAgent::builder(script.clone()).tool(Arc::new(tool)).build();
        run(&agent, hi()).await;
        let calls = script.calls();
        let schema = calls[0].tools[0].parameters.as_ref().unwrap();
        assert!(!schema.get().contains("$ref") && !schema.get().contains("$schema"), "{}", schema.get());
        let schema = schema.to_value();
        assert_eq!(schema["properties"]["number"]["description"], "As it stands on the bill.");
        assert_eq!(schema["properties"]["lines"]["items"]["required"], json!(["item"]));
        assert_eq!(schema["required"], json!(["number"]));
        let told = tool_results(&calls[1]);
        let first: Value = serde_json::from_str(&told[0].0).unwrap();
        assert_eq!(first, json!({ "agent": "test", "number": 7, "items": ["tea"] }));
        assert!(told[1].0.contains("There is no order 0."));
        assert!(told[2].0.contains("item") && told[3].0.contains("/number"), "{told:?}");
        assert!(told[1..].iter().all(|(_, is_error)| *is_error));
    }
}
