// Generated from the Rust types by `cargo xtask schema`. Changes here are lost.

import type { AgentCapabilities } from "./ag-ui.js";

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

/** The ids that REST has in its path. */
export type EnvelopeParams = {
  /** The agent. */
  agentId?: string;
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
