// What a thread holds after its events: messages, shared state, runs, open questions. Pure: no page, no network.
// Messages keep the form of AG-UI, since they are sent back with the next run.

import { applyPatch } from "./patch.js";

/** Events kept for the timeline; older ones are only counted. */
const EVENTS_MAX = 20_000;

export class Conversation {
  constructor() {
    this.reset();
  }

  reset() {
    this.messages = [];
    this.state = undefined;
    /** Runs in the order in which they began; the last may be active. */
    this.runs = [];
    /** What is said beside messages: `{ after: id of a message, kind, … }`. */
    this.notes = [];
    /** Questions of the last run that wait for an answer. */
    this.interrupts = [];
    /** All questions so far, by id. */
    this.asked = new Map();
    /** Calls of the last run that wait for the page's result. */
    this.pending = [];
    this.events = [];
    this.droppedEvents = 0;
    this.steps = [];
    this.subagents = new Map();
    this.thinking = null;
    /** How long the reasoning of a message took, in milliseconds, where it was seen. */
    this.thoughtFor = new Map();
    this.#byId = new Map();
    this.#calls = new Map();
    this.changed = freshChanges();
  }

  #byId;
  #calls;

  /** What has changed since this was asked last. */
  takeChanges() {
    const changes = this.changed;
    this.changed = freshChanges();
    return changes;
  }

  get activeRun() {
    const run = this.runs.at(-1);
    return run && !run.ended ? run : null;
  }

  message(id) {
    return this.#byId.get(id);
  }

  /** The message of a tool's result, if there is one. */
  resultOf(callId) {
    return this.#calls.get(callId)?.result;
  }

  callInfo(callId) {
    return this.#calls.get(callId);
  }

  /** Adds a message of the page itself. */
  add(message) {
    this.#push(message);
  }

  note(note) {
    this.notes.push({ after: this.messages.at(-1)?.id ?? "", ...note });
    this.changed.list = true;
  }

  /** Takes away what was said of failures: another try is made. */
  dropNotes(kind) {
    this.notes = this.notes.filter((note) => note.kind !== kind);
    this.changed.list = true;
  }

  /** Applies an event. `at` is when it arrived, in milliseconds; `live` is false for what is replayed. */
  apply(event, at, live) {
    this.#record(event, at, live);
    this.changed.events = true;
    const apply = APPLY[event.type];
    if (apply) apply(this, event, at, live);
  }

  #record(event, at, live) {
    const start = event.type === "RUN_STARTED" ? at : this.activeRun?.startedAt;
    this.events.push({ event, ms: live && start !== undefined ? at - start : null });
    if (this.events.length > EVENTS_MAX) {
      this.events.splice(0, EVENTS_MAX / 10);
      this.droppedEvents += EVENTS_MAX / 10;
    }
  }

  _touch(id) {
    this.changed.messages.add(id);
  }

  #push(message) {
    this.messages.push(message);
    this.#index(message);
    this.changed.list = true;
  }

  _push(message) {
    this.#push(message);
  }

  #index(message) {
    if (!this.#byId.has(message.id)) this.#byId.set(message.id, message);
    for (const call of message.toolCalls ?? []) {
      if (!this.#calls.has(call.id)) this.#calls.set(call.id, { call, owner: message, ended: true });
    }
    if (message.role === "tool") {
      const known = this.#calls.get(message.toolCallId);
      if (known) {
        known.result = message;
        known.ended = true;
        this._touch(known.owner.id);
      }
    }
  }

  _addCall(parentId, subagentRunId, call) {
    let owner = parentId ? this.#byId.get(parentId) : undefined;
    if (owner?.role !== "assistant") {
      const id = parentId && !owner ? parentId : call.id;
      owner = { id, role: "assistant", ...(subagentRunId && { subagentRunId }) };
      this.#push(owner);
    }
    (owner.toolCalls ??= []).push(call);
    this.#calls.set(call.id, { call, owner, ended: false, run: this.activeRun });
    this._touch(owner.id);
  }

  /** Right behind the message that made the call and the results that stand there already; else at the end. */
  _insertResult(message) {
    const owner = this.#calls.get(message.toolCallId)?.owner;
    if (!owner) return this.#push(message);
    let place = this.messages.lastIndexOf(owner) + 1;
    while (this.messages[place]?.role === "tool") place += 1;
    this.messages.splice(place, 0, message);
    this.#index(message);
    this.changed.list = true;
  }

  _replaceMessage(message) {
    const old = this.#byId.get(message.id);
    this.messages[this.messages.indexOf(old)] = message;
    this.#byId.set(message.id, message);
    this.changed.list = true;
    this._touch(message.id);
  }

  /** Makes the list what a snapshot says, keeping activities and reasoning that it does not speak of. */
  _reconcile(messages) {
    const ids = new Map(messages.map((message) => [message.id, message]));
    const roles = new Set(messages.map((message) => message.role));
    const kept = this.messages
      .map(
        (message) =>
          ids.get(message.id) ?? (["activity", "reasoning"].includes(message.role) && !roles.has(message.role) ? message : null),
      )
      .filter(Boolean);
    const known = new Set(kept.map((message) => message.id));
    this.messages = [...kept, ...messages.filter((message) => !known.has(message.id))];
    this.#byId.clear();
    this.#calls.clear();
    for (const message of this.messages) this.#index(message);
    this.changed.list = true;
    for (const message of this.messages) this._touch(message.id);
  }

  /** A question about a call has its answer. */
  _answered(interrupt, answer) {
    const info = interrupt?.toolCallId && this.#calls.get(interrupt.toolCallId);
    if (!info) return;
    info.answered = answer.status === "cancelled" ? "canceled" : isRejection(answer) ? "rejected" : "answered";
    this._touch(info.owner.id);
  }

  _endRun(at, live, more) {
    const run = this.activeRun;
    if (!run) return;
    Object.assign(run, { ended: true, ...more });
    if (live && run.live) run.ms = at - run.startedAt;
    run.silent = !this.messages.slice(run.firstMessage).some(isSomething);
    this.steps = [];
    this.changed.list = true;
    this.note({ kind: "run", run });
  }
}

/** Whether a message has something for a person to see. */
const isSomething = ({ role, content, toolCalls }) =>
  ["assistant", "reasoning"].includes(role) ? Boolean(content?.length || toolCalls?.length) : role === "tool" || role === "activity";

/** `live`: the state was changed while somebody looked on. */
const freshChanges = () => ({ list: false, messages: new Set(), state: false, live: false, events: false, run: false });

function merge(target, metadata) {
  if (metadata) target.metadata = { ...target.metadata, ...metadata };
}

function textStart(chat, { messageId: id, role = "assistant", name, metadata, subagentRunId }) {
  if (!chat.message(id)) chat._push({ id, role, content: "", ...(name && { name }), ...(subagentRunId && { subagentRunId }) });
  merge(chat.message(id), metadata);
}

function append(chat, { messageId, delta, metadata }) {
  const message = chat.message(messageId);
  if (!message || message.role === "activity") return;
  message.content =
    typeof message.content === "string" ? message.content + delta : (message.content ?? "") === "" ? delta : message.content;
  merge(message, metadata);
  chat._touch(messageId);
}

function setState(chat, state, live) {
  chat.state = state;
  chat.changed.state = true;
  chat.changed.live ||= live;
}

const APPLY = {
  RUN_STARTED(chat, { runId, input }, at, live) {
    for (const message of input?.messages ?? []) if (!chat.message(message.id)) chat._push({ ...message });
    for (const { interruptId, status, payload } of input?.resume ?? []) {
      const asked = chat.interrupts.find(({ id }) => id === interruptId) ?? chat.asked.get(interruptId);
      chat._answered(asked, { status, payload });
      // Told once: the page that answers has said so already.
      const said = chat.notes.some((note) => note.kind === "answer" && note.interruptId === interruptId);
      if (!said) chat.note({ kind: "answer", interruptId, status, payload, question: asked?.message });
    }
    chat.interrupts = [];
    chat.pending = [];
    chat.runs.push({ runId, startedAt: at, live, ended: false, firstMessage: chat.messages.length, resume: input?.resume });
    chat.changed.run = true;
  },
  RUN_FINISHED(chat, { outcome, usage }, at, live) {
    const run = chat.activeRun;
    chat.changed.run = true;
    if (!run) return;
    const waiting = chat.messages
      .slice(run.firstMessage)
      .flatMap((message) => message.toolCalls ?? [])
      .filter((call) => !chat.resultOf(call.id));
    chat.interrupts = outcome?.type === "interrupt" ? outcome.interrupts : [];
    for (const interrupt of chat.interrupts) chat.asked.set(interrupt.id, interrupt);
    const asked = outcome?.type === "interrupt" || outcome?.type === "cancelled";
    chat.pending = asked ? [] : (outcome?.pendingToolCallIds ?? waiting.map((call) => call.id));
    for (const call of waiting) chat._touch(chat.callInfo(call.id).owner.id);
    chat._endRun(at, live, { outcome: outcome?.type ?? "success", usage });
  },
  RUN_ERROR(chat, { message, code, usage }, at, live) {
    chat.changed.run = true;
    chat._endRun(at, live, { outcome: "error", error: { message, code }, usage });
  },
  STEP_STARTED(chat, { stepName }) {
    chat.steps.push(stepName);
    chat.changed.run = true;
  },
  STEP_FINISHED(chat, { stepName }) {
    chat.steps = chat.steps.filter((name) => name !== stepName);
    chat.changed.run = true;
  },
  TEXT_MESSAGE_START: textStart,
  TEXT_MESSAGE_CONTENT: append,
  TEXT_MESSAGE_END(chat, { messageId, metadata }) {
    const message = chat.message(messageId);
    if (message) merge(message, metadata);
  },
  REASONING_MESSAGE_START(chat, { messageId: id, subagentRunId, metadata }, at, live) {
    if (!chat.message(id)) chat._push({ id, role: "reasoning", content: "", ...(subagentRunId && { subagentRunId }) });
    merge(chat.message(id), metadata);
    chat.thinking = { id, since: live ? at : null };
  },
  REASONING_MESSAGE_CONTENT: append,
  REASONING_MESSAGE_END(chat, { messageId }, at, live) {
    if (chat.thinking?.id === messageId) {
      if (live && chat.thinking.since !== null) chat.thoughtFor.set(messageId, at - chat.thinking.since);
      chat.thinking = null;
    }
    chat._touch(messageId);
  },
  REASONING_ENCRYPTED_VALUE(chat, { subtype, entityId, encryptedValue }) {
    const target = subtype === "tool-call" ? chat.callInfo(entityId)?.call : chat.message(entityId);
    if (target && target.role !== "activity") target.encryptedValue = encryptedValue;
  },
  TOOL_CALL_START(chat, { toolCallId: id, toolCallName: name, parentMessageId, subagentRunId }) {
    const known = chat.callInfo(id);
    if (known) {
      known.call.function.name = name;
      chat._touch(known.owner.id);
    } else chat._addCall(parentMessageId, subagentRunId, { id, type: "function", function: { name, arguments: "" } });
  },
  TOOL_CALL_ARGS(chat, { toolCallId, delta }) {
    const known = chat.callInfo(toolCallId);
    if (!known) return;
    known.call.function.arguments += delta;
    chat._touch(known.owner.id);
  },
  TOOL_CALL_END(chat, { toolCallId }) {
    const known = chat.callInfo(toolCallId);
    if (!known) return;
    known.ended = true;
    chat._touch(known.owner.id);
  },
  TOOL_CALL_RESULT(chat, { messageId: id, toolCallId, content, metadata, subagentRunId }) {
    if (chat.message(id)?.role === "tool") return;
    chat._insertResult({
      id,
      role: "tool",
      toolCallId,
      content,
      ...(metadata && { metadata }),
      ...(subagentRunId && { subagentRunId }),
    });
  },
  STATE_SNAPSHOT(chat, { snapshot }, at, live) {
    setState(chat, snapshot, live);
  },
  STATE_DELTA(chat, { delta }, at, live) {
    try {
      setState(chat, applyPatch(chat.state ?? {}, delta), live);
    } catch {
      // The server sends a snapshot where a change does not fit; the timeline shows both.
    }
  },
  MESSAGES_SNAPSHOT: (chat, { messages }) => chat._reconcile(messages.map((message) => ({ ...message }))),
  ACTIVITY_SNAPSHOT(chat, { messageId: id, activityType, content, replace = true, subagentRunId }) {
    const fresh = { id, role: "activity", activityType, content, ...(subagentRunId && { subagentRunId }) };
    if (!chat.message(id)) chat._push(fresh);
    else if (replace) chat._replaceMessage(fresh);
  },
  ACTIVITY_DELTA(chat, { messageId, activityType, patch }) {
    const message = chat.message(messageId);
    if (message?.role !== "activity") return;
    try {
      message.content = applyPatch(message.content, patch);
      message.activityType = activityType;
      chat._touch(messageId);
    } catch {
      // As for the state.
    }
  },
  SUBAGENT_STARTED(chat, { subagentRunId, name }) {
    chat.subagents.set(subagentRunId, { name });
    chat.changed.run = true;
  },
  SUBAGENT_ERROR(chat, { subagentRunId, message, code }) {
    chat.note({ kind: "error", title: `${chat.subagents.get(subagentRunId)?.name ?? "A subagent"} failed`, message, code });
  },
};

/** The text of a message's content, which may be parts. */
export function textOf(content) {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("\n");
}

/** Whether a question of an MCP server was answered with a no. */
export const isDecline = ({ payload }) => payload?.action === "decline" && Object.keys(payload).length === 1;

/** Whether the answer to a question is a no. */
export const isRejection = (answer) => answer.status === "cancelled" || answer.payload?.approved === false || isDecline(answer);

/** What the answer to a call may say beside `approved`. */
const APPROVAL = ["approved", "editedArgs", "reason"];

/** Whether the agent wants a yes or a no, and takes nothing else. */
export function isApproval({ reason, responseSchema }) {
  if (reason === "tool_approval") return true;
  const properties = responseSchema?.properties ?? {};
  return Boolean(properties.approved) && Object.keys(properties).every((name) => APPROVAL.includes(name));
}

/** Messages as the next run takes them: activities are for people alone. */
export function toSend(messages) {
  return messages.filter((message) => message.role !== "activity");
}
