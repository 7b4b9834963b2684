//! A tool from an async closure.

use crate::model::ToolSpec;
use crate::tool::{Tool, ToolError, ToolInvocation, ToolOutput};
use async_trait::async_trait;
use copilotkit_protocol::Json;
use futures::future::BoxFuture;
use std::fmt;
use std::future::Future;

type Call = Box<dyn Fn(ToolInvocation) -> BoxFuture<'static, Result<ToolOutput, ToolError>> + Send + Sync>;

/// A tool that executes an async closure.
///
/// ```
/// use copilotkit_runtime::tools::FnTool;
/// use serde_json::json;
///
/// let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
/// let tool = FnTool::new("weather", "The weather in a city", schema, |call| async move {
///     let city = call.arguments.to_value()["city"].clone();
///     Ok(json!({ "city": city, "degrees": 21 }))
/// });
/// ```
pub struct FnTool {
    spec: ToolSpec,
    call: Call,
}

impl FnTool {
    /// A tool with a JSON Schema of its arguments (`null` for none). The closure's value becomes the result.
    pub fn new<F, R>(
        name: impl Into<String>,
        description: impl Into<String>,
        schema: serde_json::Value,
        call: F,
    ) -> Self
    where
        F: Fn(ToolInvocation) -> R + Send + Sync + 'static,
        R: Future<Output = Result<serde_json::Value, ToolError>> + Send + 'static,
    {
        Self {
            spec: ToolSpec {
                name: name.into(),
                description: description.into(),
                parameters: (!schema.is_null()).then(|| schema.into()),
            },
            call: Box::new(move |invocation| {
                let result = call(invocation);
                Box::pin(async move { Ok(ToolOutput::new(Json::from(result.await?))) })
            }),
        }
    }
}

#[async_trait]
impl Tool for FnTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolInvocation) -> Result<ToolOutput, ToolError> {
        (self.call)(call).await
    }
}

impl fmt::Debug for FnTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}
