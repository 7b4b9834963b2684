//! What an agent says that it can do. Every group and member may be absent: absent is undeclared, not "no".

use crate::message::Tool;
use crate::wire::{Object, wire_struct};

wire_struct! {
    /// What an agent says that it can do.
    pub struct AgentCapabilities {
        /// Who it is.
        identity: IdentityCapabilities = "identity" opt,
        /// How it can be reached.
        transport: TransportCapabilities = "transport" opt,
        /// What it does with tools.
        tools: ToolsCapabilities = "tools" opt,
        /// What it can put out.
        output: OutputCapabilities = "output" opt,
        /// What it does with shared state.
        state: StateCapabilities = "state" opt,
        /// Whether it works with other agents.
        multi_agent: MultiAgentCapabilities = "multiAgent" opt,
        /// What it shows of its reasoning.
        reasoning: ReasoningCapabilities = "reasoning" opt,
        /// What it takes and makes besides text.
        multimodal: MultimodalCapabilities = "multimodal" opt,
        /// Whether and how it executes code.
        execution: ExecutionCapabilities = "execution" opt,
        /// How people can step in.
        human_in_the_loop: HumanInTheLoopCapabilities = "humanInTheLoop" opt,
        /// Whatever else the application declares.
        custom: Object = "custom" opt,
    }
}

wire_struct! {
    /// Who an agent is.
    pub struct IdentityCapabilities {
        /// Its name.
        name: String = "name" opt,
        /// Its kind, in the words of its framework.
        kind: String = "type" opt,
        /// What it does.
        description: String = "description" opt,
        /// Its version.
        version: String = "version" opt,
        /// Who runs it.
        provider: String = "provider" opt,
        /// Where it is documented.
        documentation_url: String = "documentationUrl" opt,
        /// Data of the application.
        metadata: Object = "metadata" opt,
    }
}

wire_struct! {
    /// How an agent can be reached.
    pub struct TransportCapabilities {
        /// It streams.
        streaming: bool = "streaming" opt,
        /// It speaks WebSocket.
        websocket: bool = "websocket" opt,
        /// It speaks the protobuf binding.
        http_binary: bool = "httpBinary" opt,
        /// It pushes notifications.
        push_notifications: bool = "pushNotifications" opt,
        /// A broken stream can be resumed.
        resumable: bool = "resumable" opt,
    }
}

wire_struct! {
    /// What an agent does with tools.
    pub struct ToolsCapabilities {
        /// It calls tools.
        supported: bool = "supported" opt,
        /// Its own tools.
        items: Vec<Tool> = "items" opt,
        /// It calls several at once.
        parallel_calls: bool = "parallelCalls" opt,
        /// It calls tools of the page.
        client_provided: bool = "clientProvided" opt,
    }
}

wire_struct! {
    /// What an agent can put out.
    pub struct OutputCapabilities {
        /// It answers in a given schema.
        structured_output: bool = "structuredOutput" opt,
        /// The media types of what it makes.
        supported_mime_types: Vec<String> = "supportedMimeTypes" opt,
    }
}

wire_struct! {
    /// What an agent does with shared state.
    pub struct StateCapabilities {
        /// It sends STATE_SNAPSHOT.
        snapshots: bool = "snapshots" opt,
        /// It sends STATE_DELTA.
        deltas: bool = "deltas" opt,
        /// It remembers across threads.
        memory: bool = "memory" opt,
        /// It keeps the state of a thread.
        persistent_state: bool = "persistentState" opt,
    }
}

wire_struct! {
    /// Whether an agent works with other agents.
    pub struct MultiAgentCapabilities {
        /// It does.
        supported: bool = "supported" opt,
        /// It gives work to others.
        delegation: bool = "delegation" opt,
        /// It hands the conversation over.
        handoffs: bool = "handoffs" opt,
        /// Those that it works with.
        subagents: Vec<SubagentCapability> = "subagents" opt,
    }
}

wire_struct! {
    /// An agent that another one works with.
    pub struct SubagentCapability as ("SubagentInfo") {
        /// Its name.
        name: String = "name" req,
        /// What it does.
        description: String = "description" opt,
    }
}

wire_struct! {
    /// What an agent shows of its reasoning.
    pub struct ReasoningCapabilities {
        /// It reasons.
        supported: bool = "supported" opt,
        /// It streams its reasoning.
        streaming: bool = "streaming" opt,
        /// Its reasoning travels encrypted.
        encrypted: bool = "encrypted" opt,
    }
}

wire_struct! {
    /// What an agent takes and makes besides text.
    pub struct MultimodalCapabilities {
        /// What it takes.
        input: MultimodalInput = "input" opt,
        /// What it makes.
        output: MultimodalOutput = "output" opt,
    }
}

wire_struct! {
    /// What an agent takes besides text.
    pub struct MultimodalInput as ("MultimodalInputCapabilities") {
        /// Pictures.
        image: bool = "image" opt,
        /// Sound.
        audio: bool = "audio" opt,
        /// Moving pictures.
        video: bool = "video" opt,
        /// PDF.
        pdf: bool = "pdf" opt,
        /// Any file.
        file: bool = "file" opt,
    }
}

wire_struct! {
    /// What an agent makes besides text.
    pub struct MultimodalOutput as ("MultimodalOutputCapabilities") {
        /// Pictures.
        image: bool = "image" opt,
        /// Sound.
        audio: bool = "audio" opt,
    }
}

wire_struct! {
    /// Whether and how an agent executes code.
    pub struct ExecutionCapabilities {
        /// It executes code.
        code_execution: bool = "codeExecution" opt,
        /// In a sandbox.
        sandboxed: bool = "sandboxed" opt,
        /// The most steps of a run.
        max_iterations: u64 = "maxIterations" opt,
        /// The longest run, in milliseconds.
        max_execution_time: u64 = "maxExecutionTime" opt,
    }
}

wire_struct! {
    /// How people can step in.
    pub struct HumanInTheLoopCapabilities {
        /// They can.
        supported: bool = "supported" opt,
        /// By approving.
        approvals: bool = "approvals" opt,
        /// By taking over.
        interventions: bool = "interventions" opt,
        /// By feedback.
        feedback: bool = "feedback" opt,
        /// By answering interrupts.
        interrupts: bool = "interrupts" opt,
        /// By approving with changes.
        approve_with_edits: bool = "approveWithEdits" opt,
    }
}
