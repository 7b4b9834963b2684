// Generated from the Rust types by `cargo xtask schema`. Changes here are lost.

/** A change of an activity. */
export type ActivityDeltaEvent = {
  type: "ACTIVITY_DELTA";
  /** The activity message. */
  messageId: string;
  /** What kind of activity. */
  activityType: string;
  /** The operations on its content. */
  patch: JsonPatch;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Something that the agent shows while it works; never sent to a model. */
export type ActivityMessage = {
  role: "activity";
  /** Unique in the thread. */
  id: string;
  /** What kind of activity; an open set. */
  activityType: string;
  /** Its content, as the activity's type defines it. */
  content: Record<string, unknown>;
  /** Data of the application. */
  metadata?: Metadata;
  /** The subagent that the message belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
};

/** The whole of an activity. */
export type ActivitySnapshotEvent = {
  type: "ACTIVITY_SNAPSHOT";
  /** The activity message. */
  messageId: string;
  /** What kind of activity; an open set. */
  activityType: string;
  /** Its content. */
  content: Record<string, unknown>;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** False keeps an existing one; absent is true. */
  replace?: boolean;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Inserts a value. */
export type AddOperation = {
  op: "add";
  path: JsonPointer;
  value: unknown;
};

/** What an agent says that it can do. */
export type AgentCapabilities = {
  /** Whatever else the application declares. */
  custom?: Record<string, unknown>;
  /** Whether and how it executes code. */
  execution?: ExecutionCapabilities;
  /** How people can step in. */
  humanInTheLoop?: HumanInTheLoopCapabilities;
  /** Who it is. */
  identity?: IdentityCapabilities;
  /** Whether it works with other agents. */
  multiAgent?: MultiAgentCapabilities;
  /** What it takes and makes besides text. */
  multimodal?: MultimodalCapabilities;
  /** What it can put out. */
  output?: OutputCapabilities;
  /** What it shows of its reasoning. */
  reasoning?: ReasoningCapabilities;
  /** What it does with shared state. */
  state?: StateCapabilities;
  /** What it does with tools. */
  tools?: ToolsCapabilities;
  /** How it can be reached. */
  transport?: TransportCapabilities;
};

/** What the agent said and the tools that it called. */
export type AssistantMessage = {
  role: "assistant";
  /** Unique in the thread. */
  id: string;
  /** The text; absent on a message that only calls tools. `null` is malformed. */
  content?: string;
  /** An opaque value of the provider that comes back with the message. */
  encryptedValue?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** Name of the speaker. */
  name?: string;
  /** The subagent that the message belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** The calls, in the order in which they were started. */
  toolCalls?: ToolCall[];
};

/** Sound. */
export type AudioPart = {
  type: "audio";
  /** Where the bytes are. */
  source: PartSource;
  /** Id of the part (1.0). */
  id?: string;
  /** Data of the application, of any type. */
  metadata?: unknown;
};

/** One part of a message's content, told apart by `type`. */
export type ContentPart = TextPart | ImagePart | AudioPart | VideoPart | DocumentPart;

/** Something that the page tells the agent. */
export type Context = {
  /** What it is. */
  description: string;
  /** Its value, as text. */
  value: string;
};

/** Copies a value. */
export type CopyOperation = {
  op: "copy";
  from: JsonPointer;
  path: JsonPointer;
};

/** An event of the application. */
export type CustomEvent = {
  type: "CUSTOM";
  /** Its name. */
  name: string;
  /** Any JSON, `null` included. */
  value: unknown;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Bytes in the message. */
export type DataSource = {
  type: "data";
  /** The bytes as base64. */
  value: string;
  /** Their media type. */
  mimeType: string;
};

/** Instructions of the application's developer. */
export type DeveloperMessage = {
  role: "developer";
  /** Unique in the thread. */
  id: string;
  /** The text. */
  content: string;
  /** An opaque value of the provider that comes back with the message. */
  encryptedValue?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** Name of the speaker. */
  name?: string;
  /** The subagent that the message belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
};

/** A document. */
export type DocumentPart = {
  type: "document";
  /** Where the bytes are. */
  source: PartSource;
  /** Id of the part (1.0). */
  id?: string;
  /** Data of the application, of any type. */
  metadata?: unknown;
};

/** An AG-UI event, told apart by `type`. */
export type Event =
  | RunStartedEvent
  | RunFinishedEvent
  | RunErrorEvent
  | StepStartedEvent
  | StepFinishedEvent
  | TextMessageStartEvent
  | TextMessageContentEvent
  | TextMessageEndEvent
  | TextMessageChunkEvent
  | ToolCallStartEvent
  | ToolCallArgsEvent
  | ToolCallEndEvent
  | ToolCallChunkEvent
  | ToolCallResultEvent
  | StateSnapshotEvent
  | StateDeltaEvent
  | MessagesSnapshotEvent
  | ActivitySnapshotEvent
  | ActivityDeltaEvent
  | RawEvent
  | CustomEvent
  | ReasoningStartEvent
  | ReasoningMessageStartEvent
  | ReasoningMessageContentEvent
  | ReasoningMessageEndEvent
  | ReasoningMessageChunkEvent
  | ReasoningEndEvent
  | ReasoningEncryptedValueEvent
  | SubagentStartedEvent
  | SubagentFinishedEvent
  | SubagentErrorEvent;

export type EventType =
  | "RUN_STARTED"
  | "RUN_FINISHED"
  | "RUN_ERROR"
  | "STEP_STARTED"
  | "STEP_FINISHED"
  | "TEXT_MESSAGE_START"
  | "TEXT_MESSAGE_CONTENT"
  | "TEXT_MESSAGE_END"
  | "TEXT_MESSAGE_CHUNK"
  | "TOOL_CALL_START"
  | "TOOL_CALL_ARGS"
  | "TOOL_CALL_END"
  | "TOOL_CALL_CHUNK"
  | "TOOL_CALL_RESULT"
  | "STATE_SNAPSHOT"
  | "STATE_DELTA"
  | "MESSAGES_SNAPSHOT"
  | "ACTIVITY_SNAPSHOT"
  | "ACTIVITY_DELTA"
  | "RAW"
  | "CUSTOM"
  | "REASONING_START"
  | "REASONING_MESSAGE_START"
  | "REASONING_MESSAGE_CONTENT"
  | "REASONING_MESSAGE_END"
  | "REASONING_MESSAGE_CHUNK"
  | "REASONING_END"
  | "REASONING_ENCRYPTED_VALUE"
  | "SUBAGENT_STARTED"
  | "SUBAGENT_FINISHED"
  | "SUBAGENT_ERROR";

/** Whether and how an agent executes code. */
export type ExecutionCapabilities = {
  /** It executes code. */
  codeExecution?: boolean;
  /** The longest run, in milliseconds. */
  maxExecutionTime?: number;
  /** The most steps of a run. */
  maxIterations?: number;
  /** In a sandbox. */
  sandboxed?: boolean;
};

/** Bytes that a provider keeps. */
export type FileSource = {
  type: "file";
  /** The provider's handle. */
  value: string;
  /** Their media type. */
  mimeType?: string;
  /** The provider that knows it. */
  provider?: string;
};

/** The name of a tool and the arguments of a call. */
export type FunctionCall = {
  /** The tool's name. */
  name: string;
  /** The arguments as the model wrote them: JSON by intent, kept verbatim even when it is not. */
  arguments: string;
};

/** How people can step in. */
export type HumanInTheLoopCapabilities = {
  /** By approving. */
  approvals?: boolean;
  /** By approving with changes. */
  approveWithEdits?: boolean;
  /** By feedback. */
  feedback?: boolean;
  /** By answering interrupts. */
  interrupts?: boolean;
  /** By taking over. */
  interventions?: boolean;
  /** They can. */
  supported?: boolean;
};

/** Who an agent is. */
export type IdentityCapabilities = {
  /** What it does. */
  description?: string;
  /** Where it is documented. */
  documentationUrl?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** Its name. */
  name?: string;
  /** Who runs it. */
  provider?: string;
  /** Its kind, in the words of its framework. */
  type?: string;
  /** Its version. */
  version?: string;
};

/** A picture. */
export type ImagePart = {
  type: "image";
  /** Where the bytes are. */
  source: PartSource;
  /** Id of the part (1.0). */
  id?: string;
  /** Data of the application, of any type. */
  metadata?: unknown;
};

/** A question that a run ended with. */
export type Interrupt = {
  /** Unique among the thread's interrupts. */
  id: string;
  /** Why, in the words of the agent; an open set. */
  reason: string;
  /** When it can no longer be answered, ISO 8601 by habit. */
  expiresAt?: string;
  /** The question, for a person. */
  message?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** JSON Schema of the answer. */
  responseSchema?: Record<string, unknown>;
  /** The subagent that asks. */
  subagentRunId?: SubagentRunId;
  /** The tool call that it is about. */
  toolCallId?: string;
};

/** A JSON Patch (RFC 6902). */
export type JsonPatch = JsonPatchOperation[];

/** One operation, told apart by `op`. */
export type JsonPatchOperation = AddOperation | RemoveOperation | ReplaceOperation | MoveOperation | CopyOperation | TestOperation;

/** A JSON Pointer (RFC 6901). */
export type JsonPointer = string;

/** One message of a thread, told apart by `role`. */
export type Message =
  | DeveloperMessage
  | SystemMessage
  | AssistantMessage
  | UserMessage
  | ToolMessage
  | ActivityMessage
  | ReasoningMessage;

/** The whole conversation. */
export type MessagesSnapshotEvent = {
  type: "MESSAGES_SNAPSHOT";
  /** Every message; ids equal those that were streamed. */
  messages: Message[];
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Data of the application; the key `ag-ui` is reserved. */
export type Metadata = Record<string, unknown>;

/** Moves a value. */
export type MoveOperation = {
  op: "move";
  from: JsonPointer;
  path: JsonPointer;
};

/** Whether an agent works with other agents. */
export type MultiAgentCapabilities = {
  /** It gives work to others. */
  delegation?: boolean;
  /** It hands the conversation over. */
  handoffs?: boolean;
  /** Those that it works with. */
  subagents?: SubagentInfo[];
  /** It does. */
  supported?: boolean;
};

/** What an agent takes and makes besides text. */
export type MultimodalCapabilities = {
  /** What it takes. */
  input?: MultimodalInputCapabilities;
  /** What it makes. */
  output?: MultimodalOutputCapabilities;
};

/** What an agent takes besides text. */
export type MultimodalInputCapabilities = {
  /** Sound. */
  audio?: boolean;
  /** Any file. */
  file?: boolean;
  /** Pictures. */
  image?: boolean;
  /** PDF. */
  pdf?: boolean;
  /** Moving pictures. */
  video?: boolean;
};

/** What an agent makes besides text. */
export type MultimodalOutputCapabilities = {
  /** Sound. */
  audio?: boolean;
  /** Pictures. */
  image?: boolean;
};

/** What an agent can put out. */
export type OutputCapabilities = {
  /** It answers in a given schema. */
  structuredOutput?: boolean;
  /** The media types of what it makes. */
  supportedMimeTypes?: string[];
};

/** Where the bytes of a part are. */
export type PartSource = DataSource | UrlSource | FileSource;

/** An event of the agent's framework, passed on. */
export type RawEvent = {
  type: "RAW";
  /** Any JSON, `null` included. */
  event: unknown;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** Where it comes from. */
  source?: string;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** What an agent shows of its reasoning. */
export type ReasoningCapabilities = {
  /** Its reasoning travels encrypted. */
  encrypted?: boolean;
  /** It streams its reasoning. */
  streaming?: boolean;
  /** It reasons. */
  supported?: boolean;
};

/** A value of the provider that belongs to a message or tool call and comes back with the history. */
export type ReasoningEncryptedValueEvent = {
  type: "REASONING_ENCRYPTED_VALUE";
  /** What it belongs to. */
  subtype: ReasoningEncryptedValueSubtype;
  /** Id of the message or tool call. */
  entityId: string;
  /** The value. */
  encryptedValue: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

export type ReasoningEncryptedValueSubtype = "tool-call" | "message";

/** A span of reasoning ended. */
export type ReasoningEndEvent = {
  type: "REASONING_END";
  /** The span. */
  messageId: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** What a model thought. */
export type ReasoningMessage = {
  role: "reasoning";
  /** Unique in the thread. */
  id: string;
  /** The text. */
  content: string;
  /** The provider's signature or encrypted reasoning, sent back with the history. */
  encryptedValue?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** The subagent that the message belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
};

/** Start, content and end of a reasoning message in one form; expanded before it is verified. */
export type ReasoningMessageChunkEvent = {
  type: "REASONING_MESSAGE_CHUNK";
  /** The text to append. */
  delta?: string;
  /** The message; required on the first chunk. */
  messageId?: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** More of a reasoning message. */
export type ReasoningMessageContentEvent = {
  type: "REASONING_MESSAGE_CONTENT";
  /** The message. */
  messageId: string;
  /** The text to append. */
  delta: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A reasoning message is complete. */
export type ReasoningMessageEndEvent = {
  type: "REASONING_MESSAGE_END";
  /** The message. */
  messageId: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A reasoning message begins. */
export type ReasoningMessageStartEvent = {
  type: "REASONING_MESSAGE_START";
  /** Unique in the thread. */
  messageId: string;
  /** Always `reasoning`. */
  role: "reasoning";
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A span of reasoning begins. */
export type ReasoningStartEvent = {
  type: "REASONING_START";
  /** Names the span, not a message. */
  messageId: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Removes a value. */
export type RemoveOperation = {
  op: "remove";
  path: JsonPointer;
};

/** Replaces a value. */
export type ReplaceOperation = {
  op: "replace";
  path: JsonPointer;
  value: unknown;
};

/** The answer to one interrupt. */
export type ResumeEntry = {
  /** The interrupt that is answered. */
  interruptId: string;
  /** Whether it was answered or cancelled. */
  status: "resolved" | "cancelled";
  /** Data of the application. */
  metadata?: Metadata;
  /** The answer. */
  payload?: unknown;
};

/**
 * The body of a run or connect request.
 *
 * `tools` and `context` may be absent (AG-UI 1.0) and are always written, since 0.0.59 requires them.
 */
export type RunAgentInput = {
  /** The thread; opaque, the empty string is legal. */
  threadId: string;
  /** The run; opaque. Clients repeat ids, so it identifies nothing by itself. */
  runId: string;
  /** The whole conversation. */
  messages: Message[];
  /** What the page tells the agent. */
  context?: Context[];
  /** Whatever the application passes through. */
  forwardedProps?: unknown;
  /** The run that this one continues. */
  parentRunId?: string;
  /** The AG-UI version of the client, `MAJOR.MINOR`; absent before 1.0. */
  protocolVersion?: string;
  /** Answers to the interrupts of an earlier run. */
  resume?: ResumeEntry[];
  /** The shared state. */
  state?: State;
  /** The tools that the page offers. */
  tools?: Tool[];
};

/** A run failed. */
export type RunErrorEvent = {
  type: "RUN_ERROR";
  /** Why, for a person. */
  message: string;
  /** Why, for a program; an open set. */
  code?: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
  /** Tokens used, one entry for each model. */
  usage?: TokenUsage[];
};

/** The run was stopped on purpose (1.0). */
export type RunFinishedCancelledOutcome = {
  type: "cancelled";
};

/** A run ended as intended: done, waiting for answers, or stopped on purpose. */
export type RunFinishedEvent = {
  type: "RUN_FINISHED";
  /** The thread. */
  threadId: string;
  /** The run. */
  runId: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** How it ended; absent is success. */
  outcome?: RunFinishedOutcome;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** What the run returned. */
  result?: unknown;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
  /** Tokens used, one entry for each model. */
  usage?: TokenUsage[];
};

/** The run waits for answers. */
export type RunFinishedInterruptOutcome = {
  type: "interrupt";
  /** The questions, at least one. */
  interrupts: Interrupt[];
};

/** How a run that finished ended. */
export type RunFinishedOutcome = RunFinishedSuccessOutcome | RunFinishedInterruptOutcome | RunFinishedCancelledOutcome;

/** The run did what it was asked to. */
export type RunFinishedSuccessOutcome = {
  type: "success";
  /** The calls of frontend tools that wait for a result, in call order (1.0). */
  pendingToolCallIds?: string[];
};

/** A run begins. */
export type RunStartedEvent = {
  type: "RUN_STARTED";
  /** The thread. */
  threadId: string;
  /** The run. */
  runId: string;
  /** What the run was started with. */
  input?: RunAgentInput;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** The run that this one continues. */
  parentRunId?: string;
  /** The AG-UI version of the producer (1.0). */
  protocolVersion?: string;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** The shared state: any JSON value. */
export type State = unknown;

/** What an agent does with shared state. */
export type StateCapabilities = {
  /** It sends STATE_DELTA. */
  deltas?: boolean;
  /** It remembers across threads. */
  memory?: boolean;
  /** It keeps the state of a thread. */
  persistentState?: boolean;
  /** It sends STATE_SNAPSHOT. */
  snapshots?: boolean;
};

/** A change of the shared state. */
export type StateDeltaEvent = {
  type: "STATE_DELTA";
  /** The operations. */
  delta: JsonPatch;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** The whole shared state. */
export type StateSnapshotEvent = {
  type: "STATE_SNAPSHOT";
  /** Any JSON, `null` included. */
  snapshot: State;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A step ended. */
export type StepFinishedEvent = {
  type: "STEP_FINISHED";
  /** Its name. */
  stepName: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A step begins. */
export type StepStartedEvent = {
  type: "STEP_STARTED";
  /** Its name. */
  stepName: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A subagent failed. */
export type SubagentErrorEvent = {
  type: "SUBAGENT_ERROR";
  /** The invocation. */
  subagentRunId: SubagentRunId;
  /** Why, for a person. */
  message: string;
  /** Why, for a program; an open set. */
  code?: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A subagent ended as intended. */
export type SubagentFinishedEvent = {
  type: "SUBAGENT_FINISHED";
  /** The invocation. */
  subagentRunId: SubagentRunId;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** How it ended; absent is success. */
  outcome?: SubagentFinishedOutcome;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** What it returned. */
  result?: unknown;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** How a subagent's run that finished ended. */
export type SubagentFinishedOutcome = SubagentFinishedSuccessOutcome | SubagentFinishedSuspendedOutcome;

/** The subagent did what it was asked to. */
export type SubagentFinishedSuccessOutcome = {
  type: "success";
};

/** The subagent waits for answers. */
export type SubagentFinishedSuspendedOutcome = {
  type: "suspended";
  /** The interrupts that it waits for. */
  interruptIds?: string[];
};

/** An agent that another one works with. */
export type SubagentInfo = {
  /** Its name. */
  name: string;
  /** What it does. */
  description?: string;
};

/** One invocation of a subagent within a run. */
export type SubagentRunId = string;

/** A subagent begins. */
export type SubagentStartedEvent = {
  type: "SUBAGENT_STARTED";
  /** One for each invocation within a run. */
  subagentRunId: SubagentRunId;
  /** The subagent's name. */
  name: string;
  /** What it does. */
  description?: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** The message that it belongs to. */
  parentMessageId?: string;
  /** The subagent that started it. */
  parentSubagentRunId?: SubagentRunId;
  /** The tool call that started it. */
  parentToolCallId?: string;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Instructions of the system. */
export type SystemMessage = {
  role: "system";
  /** Unique in the thread. */
  id: string;
  /** The text. */
  content: string;
  /** An opaque value of the provider that comes back with the message. */
  encryptedValue?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** Name of the speaker. */
  name?: string;
  /** The subagent that the message belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
};

/** Checks that a value is there. */
export type TestOperation = {
  op: "test";
  path: JsonPointer;
  value: unknown;
};

/** Start, content and end of a text message in one form; expanded before it is verified. */
export type TextMessageChunkEvent = {
  type: "TEXT_MESSAGE_CHUNK";
  /** The text to append. */
  delta?: string;
  /** The message; required on the first chunk. */
  messageId?: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** Name of the speaker. */
  name?: string;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** Who speaks. */
  role?: TextMessageRole;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** More of a text message. */
export type TextMessageContentEvent = {
  type: "TEXT_MESSAGE_CONTENT";
  /** The message. */
  messageId: string;
  /** The text to append. */
  delta: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A text message is complete. */
export type TextMessageEndEvent = {
  type: "TEXT_MESSAGE_END";
  /** The message. */
  messageId: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

export type TextMessageRole = "developer" | "system" | "assistant" | "user";

/** A text message begins. */
export type TextMessageStartEvent = {
  type: "TEXT_MESSAGE_START";
  /** Unique in the thread. */
  messageId: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** Name of the speaker. */
  name?: string;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** Who speaks. */
  role?: TextMessageRole;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Text. */
export type TextPart = {
  type: "text";
  /** The text. */
  text: string;
  /** Id of the part (1.0). */
  id?: string;
  /** Data of the application, of any type (1.0). */
  metadata?: unknown;
};

/** Tokens that a run used with one model. Absent is unknown, not zero. */
export type TokenUsage = {
  /** The part of the input that was written to a cache (1.0). */
  cacheWriteInputTokens?: number;
  /** The part of the input that was read from a cache. */
  cachedInputTokens?: number;
  /** Tokens read, cached ones included. */
  inputTokens?: number;
  /** The model. */
  model?: string;
  /** Tokens written, reasoning included. */
  outputTokens?: number;
  /** The vendor, lower case: `openai`, `anthropic`, `google` … */
  provider?: string;
  /** The part of the output that was reasoning. */
  reasoningTokens?: number;
  /** Input and output together. */
  totalTokens?: number;
};

/** A tool that an agent may call. */
export type Tool = {
  /** Unique among the tools of a run. */
  name: string;
  /** What it does, for the model. */
  description: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** JSON Schema of the arguments; absent for none. */
  parameters?: unknown;
};

/** One call of a tool. */
export type ToolCall = {
  type: "function";
  /** Unique in the thread. */
  id: string;
  /** What is called. */
  function: FunctionCall;
  /** The provider's signature for this call, sent back with the history. */
  encryptedValue?: string;
  /** Data of the application. */
  metadata?: Metadata;
};

/** More of a tool call's arguments. */
export type ToolCallArgsEvent = {
  type: "TOOL_CALL_ARGS";
  /** The call. */
  toolCallId: string;
  /** The text to append. */
  delta: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** Start, arguments and end of a tool call in one form; expanded before it is verified. */
export type ToolCallChunkEvent = {
  type: "TOOL_CALL_CHUNK";
  /** The text to append. */
  delta?: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** The message that the call belongs to. */
  parentMessageId?: string;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
  /** The call; required on the first chunk. */
  toolCallId?: string;
  /** The tool; required on the first chunk. */
  toolCallName?: string;
};

/** A tool call's arguments are complete. */
export type ToolCallEndEvent = {
  type: "TOOL_CALL_END";
  /** The call. */
  toolCallId: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** What a tool answered. */
export type ToolCallResultEvent = {
  type: "TOOL_CALL_RESULT";
  /** The tool message that this makes. */
  messageId: string;
  /** The call. */
  toolCallId: string;
  /** Text, or parts (1.0). */
  content: string | ContentPart[];
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** Always `tool`. */
  role?: "tool";
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** A tool call begins. */
export type ToolCallStartEvent = {
  type: "TOOL_CALL_START";
  /** Unique in the thread. */
  toolCallId: string;
  /** The tool. */
  toolCallName: string;
  /** Data of the application; the key `ag-ui` is reserved. */
  metadata?: Metadata;
  /** The message that the call belongs to. */
  parentMessageId?: string;
  /** What the agent's framework emitted. Never a base for behaviour. */
  rawEvent?: unknown;
  /** The subagent that this event belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
  /** When it happened; milliseconds since the Unix epoch by habit. Never an order. */
  timestamp?: number;
};

/** What a tool answered. */
export type ToolMessage = {
  role: "tool";
  /** Unique in the thread. */
  id: string;
  /** Text, or a list of parts (1.0; 0.0.59 knows text only). */
  content: string | ContentPart[];
  /** The call that this answers. */
  toolCallId: string;
  /** An opaque value of the provider that comes back with the message. */
  encryptedValue?: string;
  /** Set when the tool failed. */
  error?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** The subagent that the message belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
};

/** What an agent does with tools. */
export type ToolsCapabilities = {
  /** It calls tools of the page. */
  clientProvided?: boolean;
  /** Its own tools. */
  items?: Tool[];
  /** It calls several at once. */
  parallelCalls?: boolean;
  /** It calls tools. */
  supported?: boolean;
};

/** How an agent can be reached. */
export type TransportCapabilities = {
  /** It speaks the protobuf binding. */
  httpBinary?: boolean;
  /** It pushes notifications. */
  pushNotifications?: boolean;
  /** A broken stream can be resumed. */
  resumable?: boolean;
  /** It streams. */
  streaming?: boolean;
  /** It speaks WebSocket. */
  websocket?: boolean;
};

/** Bytes at an address. */
export type UrlSource = {
  type: "url";
  /** The address. */
  value: string;
  /** Their media type. */
  mimeType?: string;
};

/** What the person said. */
export type UserMessage = {
  role: "user";
  /** Unique in the thread. */
  id: string;
  /** Text, or a list of parts. */
  content: string | ContentPart[];
  /** An opaque value of the provider that comes back with the message. */
  encryptedValue?: string;
  /** Data of the application. */
  metadata?: Metadata;
  /** Name of the speaker. */
  name?: string;
  /** The subagent that the message belongs to; absent for the parent agent. */
  subagentRunId?: SubagentRunId;
};

/** Moving pictures. */
export type VideoPart = {
  type: "video";
  /** Where the bytes are. */
  source: PartSource;
  /** Id of the part (1.0). */
  id?: string;
  /** Data of the application, of any type. */
  metadata?: unknown;
};
