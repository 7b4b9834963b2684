// Generated from the Rust types by `cargo xtask schema`. Changes here are lost.

import type { AgentCapabilities, Event } from "./ag-ui.js";

/** Which agents draw surfaces: A2UI. */
export type A2uiInfo = {
  /** Always true. */
  enabled: true;
  /** Their ids; absent when all of them do. */
  agents?: string[];
};

/** An agent, as `/info` shows it. */
export type AgentInfo = {
  /** The id in `/agent/:agentId/run`. */
  name: string;
  /** What it does, for people. */
  description: string;
  /** What kind of agent it is; informational. */
  className: string;
  /** AG-UI `AgentCapabilities`, if it declares any. */
  capabilities?: AgentCapabilities;
};

/** The body of a POST on the single endpoint. */
export type Envelope = {
  /** What is asked for: `agent/run`. */
  method: string;
  /** The body that REST would have; `null` is told apart from absence. */
  body?: unknown;
  /** The ids that REST has in its path. */
  params?: EnvelopeParams;
};

/** What REST has in its path. */
export type EnvelopeParams = {
  /** The agent. */
  agentId?: string;
  /** Of `resource/request`: the method that REST would have. */
  httpMethod?: string;
  /** Of `resource/request`: the path below the base path, with its query. */
  path?: string;
  /** The thread. */
  threadId?: string;
};

/** The body of an answer that refuses a request. */
export type ErrorBody = {
  /** What is wrong, in a few words that stay the same. */
  error: string;
  /** The agents that there are, where another one was asked for. */
  agents?: string[];
  /** What is wrong, for a program. */
  code?: string;
  /** The member that is wrong, as a path, and why. */
  details?: string;
  /** What is there instead, for a person. */
  hint?: string;
  /** What is wrong and what to do about it, for a person. */
  message?: string;
  /** Whether another try may succeed; absent where the status says it. */
  retryable?: boolean;
};

/** The answer to `GET /info`. */
export type RuntimeInfo = {
  /** The version of the server. */
  version: string;
  /** The agents by id, in the order in which they are shown. */
  agents: Record<string, AgentInfo>;
  /** Whether `/transcribe` has a service. */
  audioFileTranscriptionEnabled: boolean;
  /** How events travel: `sse`. */
  mode: RuntimeMode;
  /** What the thread routes can do. */
  threadEndpoints: ThreadEndpoints;
  /** Whether `/agent/:agentId/suggest` is served. */
  suggestions: boolean;
  /** Whether A2UI is on. */
  a2uiEnabled: boolean;
  /** Whether open generative UI is on. */
  openGenerativeUIEnabled: boolean;
  /** Always true: this runtime sends nothing home. */
  telemetryDisabled: boolean;
  /** Which agents draw surfaces; absent where A2UI is off. */
  a2ui?: A2uiInfo;
  /** The same over the single endpoint; absent where that is not served. */
  singleRoute?: SingleRoute;
};

/** How events travel. */
export type RuntimeMode = "sse";

/** What the single endpoint can do. */
export type SingleRoute = {
  /** Whether `resource/request` is served. */
  resourceOperations: boolean;
  /** What the thread routes can do by way of it. */
  threadEndpoints: ThreadEndpoints;
};

/** The answer to a request to stop a run. */
export type StopAnswer =
  | {
    /** Always true. */
    stopped: true;
    /** What the reference runtime shows here; it is not an event of any stream. */
    interrupt: StopInterrupt;
  }
  | {
    /** Always false. */
    stopped: false;
    /** Why. */
    message: string;
  };

/** What the reference runtime shows of a stop. */
export type StopInterrupt = {
  /** `RUN_ERROR` */
  type: "RUN_ERROR";
  /** For people. */
  message: string;
  /** `STOPPED` */
  code: "STOPPED";
};

/** The body of a request to stop a run; it may be empty. */
export type StopRequest = {
  /** Stop this run only; absent is whichever run is active. */
  runId?: string;
};

/** A thread, as the routes show it. */
export type Thread = {
  /** Its id. */
  id: string;
  /** Its name: what it was renamed to, else made of its first message; null where there is none. */
  name: string | null;
  /** The agent of its last run. */
  agentId: string;
  /** Always empty: there are no organizations here. Clients expect the member. */
  organizationId: string;
  /** Always empty: whoever sees a thread made it. Clients expect the member. */
  createdById: string;
  /** True when it was archived. */
  archived: boolean;
  /** When its first run began. */
  createdAt: string;
  /** When its last run began or ended. */
  updatedAt: string;
  /** The same; clients sort by it. A new name or an archive changes neither. */
  lastRunAt: string;
};

/** The answer to `POST /threads/:threadId/archive`. */
export type ThreadArchived = {
  /** The thread. */
  threadId: string;
  /** Always true. */
  archived: true;
};

/** The answer to `DELETE /threads/:threadId`. */
export type ThreadDeleted = {
  /** The thread. */
  threadId: string;
  /** Always true. */
  deleted: true;
};

/** What the thread routes can do. */
export type ThreadEndpoints = {
  /** Threads can be listed. */
  list: boolean;
  /** Messages, events and state of a thread can be read. */
  inspect: boolean;
  /** Threads can be renamed, archived and deleted. */
  mutations: boolean;
  /** Changes are pushed over a websocket. */
  realtimeMetadata: boolean;
};

/** The answer to `GET /threads/:threadId/events`. */
export type ThreadEvents = {
  /** The events of the runs that ended, in their compact form. */
  events: Event[];
};

/** The answer to `GET /threads`. */
export type ThreadList = {
  /** The last used first. */
  threads: Thread[];
  /** The `cursor` of the next page; null on the last one. */
  nextCursor: string | null;
};

/** A message, in the short form of the thread routes. */
export type ThreadMessage = {
  /** Its id. */
  id: string;
  /** Whose it is: `user`, `assistant`, `tool` and so on. */
  role: string;
  /** What kind of activity it is. */
  activityType?: string;
  /** Text, the parts of a user's message, or the value of an activity. */
  content?: unknown;
  /** The call that a tool's message answers. */
  toolCallId?: string;
  /** The calls of an assistant's message. */
  toolCalls?: ThreadToolCall[];
};

/** The answer to `GET /threads/:threadId/messages`. */
export type ThreadMessages = {
  /** What a page shows after the last run that ended. */
  messages: ThreadMessage[];
};

/** The body of a request to archive or delete a thread; it may be empty. */
export type ThreadScope = {
  /** The agent whose list the thread stands in; not needed here. */
  agentId?: string;
};

/** The answer to `GET /threads/:threadId/state`. */
export type ThreadState = {
  /** The shared state after the last run that ended; null where no run set one. */
  state: Record<string, unknown> | null;
};

/** A tool call, in the short form of the thread routes. */
export type ThreadToolCall = {
  /** Its id. */
  id: string;
  /** The tool. */
  name: string;
  /** The arguments, as JSON in a string. */
  args: string;
};

/** The body of `PATCH /threads/:threadId`. What is absent stays as it is. */
export type ThreadUpdate = {
  /** The agent whose list the thread stands in; not needed here. */
  agentId?: string;
  /** True archives the thread, false brings it back. */
  archived?: boolean;
  /** The new name; null or blank takes the name away. */
  name?: string | null;
};

/** A recording as JSON, for who cannot send a form. */
export type TranscribeBody = {
  /** The file in base64, or a data URL of it. */
  audio: string;
  /** What it is: `audio/webm`. */
  mimeType: string;
  /** What it is called; absent is `recording.webm`. */
  filename?: string;
};

/** What was said in a recording. */
export type Transcript = {
  /** The words. */
  text: string;
  /** How large the file was, in bytes. */
  size: number;
  /** What it was taken for. */
  type: string;
};
