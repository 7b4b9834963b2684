//! A tool that asks a person.

use crate::model::ToolSpec;
use crate::tool::{Tool, ToolError, ToolInvocation, ToolMode, ToolOutput};
use async_trait::async_trait;

/// A tool whose call ends the run with a question; the answer comes with the next run's `resume`.
#[derive(Clone, Debug)]
pub struct InterruptTool {
    spec: ToolSpec,
    reason: Option<String>,
    message: Option<String>,
}

impl InterruptTool {
    /// A tool with the reason (`tool_call` where absent) and the question of its interrupts.
    pub fn new(spec: ToolSpec, reason: Option<String>, message: Option<String>) -> Self {
        Self { spec, reason, message }
    }
}

#[async_trait]
impl Tool for InterruptTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn mode(&self) -> ToolMode {
        ToolMode::Interrupt { reason: self.reason.clone(), message: self.message.clone() }
    }

    async fn call(&self, _: ToolInvocation) -> Result<ToolOutput, ToolError> {
        Err(ToolError::failed(format!("The tool `{}` is answered by a person.", self.spec.name)))
    }
}
