//! What an agent declares that it can do: what holds for every model, what is known of its own, what was configured.

use super::{Approval, Inner};
use copilotkit_protocol::{
    AgentCapabilities, ExecutionCapabilities, HumanInTheLoopCapabilities, MultimodalCapabilities, MultimodalInput,
    ReasoningCapabilities, StateCapabilities, ToolsCapabilities, TransportCapabilities,
};

/// The capabilities of an agent; its first model speaks for all.
pub(super) fn of(agent: &Inner) -> AgentCapabilities {
    let traits = agent.models.first().map(|model| model.traits()).unwrap_or_default();
    let approvals = Some(agent.approval != Approval::Never);
    let input = MultimodalInput {
        image: traits.images,
        audio: traits.audio,
        video: traits.video,
        pdf: traits.pdf,
        ..Default::default()
    };
    let reasons = traits.reasoning != Some(false);
    let known = AgentCapabilities {
        transport: Some(TransportCapabilities { streaming: Some(true), ..Default::default() }),
        tools: Some(ToolsCapabilities {
            supported: Some(true),
            parallel_calls: traits.parallel_calls,
            client_provided: Some(true),
            ..Default::default()
        }),
        state: Some(StateCapabilities { snapshots: Some(true), deltas: Some(true), ..Default::default() }),
        reasoning: Some(ReasoningCapabilities {
            supported: traits.reasoning,
            streaming: reasons.then_some(true),
            encrypted: reasons.then_some(true),
            ..Default::default()
        }),
        multimodal: (input != Default::default())
            .then(|| MultimodalCapabilities { input: Some(input), ..Default::default() }),
        execution: Some(ExecutionCapabilities {
            max_iterations: Some(u64::from(agent.max_steps)),
            ..Default::default()
        }),
        human_in_the_loop: Some(HumanInTheLoopCapabilities {
            supported: Some(true),
            approvals,
            interrupts: Some(true),
            approve_with_edits: approvals,
            ..Default::default()
        }),
        ..Default::default()
    };
    let own = agent.capabilities.clone();
    AgentCapabilities {
        identity: own.identity.or(known.identity),
        transport: own.transport.or(known.transport),
        tools: own.tools.or(known.tools),
        output: own.output.or(known.output),
        state: own.state.or(known.state),
        multi_agent: own.multi_agent.or(known.multi_agent),
        reasoning: own.reasoning.or(known.reasoning),
        multimodal: own.multimodal.or(known.multimodal),
        execution: own.execution.or(known.execution),
        human_in_the_loop: own.human_in_the_loop.or(known.human_in_the_loop),
        custom: own.custom.or(known.custom),
        extra: own.extra,
    }
}
