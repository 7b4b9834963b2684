//! A tool from an async closure.

use crate::model::ToolSpec;
use crate::tool::{Tool, ToolError, ToolInvocation, ToolOutput};
use async_trait::async_trait;
#[cfg(feature = "typed-tools")]
use copilotkit_protocol::Code;
use copilotkit_protocol::Json;
use futures::future::BoxFuture;
use std::fmt;
use std::future::Future;
use std::time::Duration;

type Call = Box<dyn Fn(ToolInvocation) -> BoxFuture<'static, Result<ToolOutput, ToolError>> + Send + Sync>;

/// A tool that executes an async closure.
///
/// With the feature `typed-tools` a struct says what its arguments are:
///
#[cfg_attr(feature = "typed-tools", doc = "```")]
#[cfg_attr(not(feature = "typed-tools"), doc = "```ignore")]
/// # use copilotkit_runtime::{ToolError, tools::FnTool};
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Place {
///     /// A city, in English.
///     city: String,
/// }
///
/// let tool = FnTool::typed("weather", "The weather in a city", |at: Place| async move { Ok(format!("21 degrees in {}", at.city)) });
/// ```
///
/// Without, the schema is given as it is:
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
    timeout: Option<Duration>,
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
            timeout: None,
        }
    }

    /// A tool whose arguments are an `A`: its JSON Schema is derived, documentation of its members included, and what the
    /// model writes is read into it. Whatever the closure gives becomes the result.
    ///
    /// ```
    /// use copilotkit_runtime::{Tool as _, ToolError, tools::FnTool};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Order {
    ///     /// As it stands on the bill.
    ///     number: u32,
    /// }
    ///
    /// let tool = FnTool::typed("lookup_order", "Finds an order", async |order: Order| match order.number {
    ///     42 => Ok("on its way"),
    ///     other => Err(ToolError::failed(format!("There is no order {other}."))),
    /// });
    /// let schema = tool.spec().parameters.as_ref().map(|schema| schema.to_value()).unwrap_or_default();
    /// assert_eq!(schema["properties"]["number"]["description"], "As it stands on the bill.");
    /// ```
    #[cfg(feature = "typed-tools")]
    pub fn typed<A, T, F, R>(name: impl Into<String>, description: impl Into<String>, call: F) -> Self
    where
        A: serde::de::DeserializeOwned + schemars::JsonSchema + Send + 'static,
        T: serde::Serialize,
        F: Fn(A) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, ToolError>> + Send + 'static,
    {
        Self::typed_with(name, description, move |arguments, _| call(arguments))
    }

    /// As [`typed`](Self::typed), for a closure that needs to know the run that it works for: who asked, the input, the
    /// token that tells when to stop.
    #[cfg(feature = "typed-tools")]
    pub fn typed_with<A, T, F, R>(name: impl Into<String>, description: impl Into<String>, call: F) -> Self
    where
        A: serde::de::DeserializeOwned + schemars::JsonSchema + Send + 'static,
        T: serde::Serialize,
        F: Fn(A, crate::tool::ToolScope) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, ToolError>> + Send + 'static,
    {
        let spec = ToolSpec { name: name.into(), description: description.into(), parameters: Some(schema_of::<A>()) };
        let call: Call = Box::new(move |invocation| match invocation.arguments.read::<A>() {
            Ok(arguments) => {
                let result = call(arguments, invocation.run);
                Box::pin(async move { Ok(ToolOutput::new(Json::of(&result.await?))) })
            }
            Err(error) => {
                let message = format!("The arguments do not fit the tool: {error}.");
                Box::pin(async move { Err(ToolError { code: Code::ToolArguments.into(), message }) })
            }
        });
        Self { spec, call, timeout: None }
    }

    /// How long a call may take; without, as long as the agent says.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}

/// The schema of the arguments `A` in the form that every provider takes: one object without references.
#[cfg(feature = "typed-tools")]
fn schema_of<A: schemars::JsonSchema>() -> Json {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    schema.remove("title");
    Json::of(&schema)
}

#[async_trait]
impl Tool for FnTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
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
