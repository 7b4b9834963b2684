// One open thread: sends runs, follows them, finds back after a lost connection, stops. It tells `onChange` that
// something is new and leaves it to the page when to draw.

import { ApiError } from "./api.js";
import { Conversation, toSend } from "./conversation.js";
import { newId } from "./dom.js";
import { readEvents } from "./sse.js";

const PROTOCOL = "1.0";
/** Pauses before each next try to follow a run again, in milliseconds. */
const PAUSES = [300, 700, 1500, 3000, 5000, 5000, 5000, 5000, 5000, 5000];

/** How long the end of a run that is over may take to arrive, in milliseconds. */
const LAST_WORDS = 1000;

export class Session {
  constructor(api, agentId, threadId, { onChange, setup }) {
    this.api = api;
    this.agentId = agentId;
    this.threadId = threadId;
    this.onChange = onChange;
    /** Gives tools, context and forwardedProps of the next run. */
    this.setup = setup;
    this.conversation = new Conversation();
    /** `idle`, `loading`, `running`, `reconnecting` or `stopping`. */
    this.status = "idle";
    /** What went wrong with the connection: `{ kind, error }`. */
    this.problem = null;
    /** Whether the server knows of the thread. */
    this.known = false;
    this.lastEventId = "";
    this.lastInput = null;
    this.decisions = new Map();
    /** Whether the server was asked for the thread and has none. */
    this.missing = false;
  }

  #abort = null;
  #catching = null;
  #seen = () => {};

  get busy() {
    return this.status !== "idle";
  }

  #set(status) {
    this.status = status;
    this.onChange();
  }

  #input(more = {}) {
    return { threadId: this.threadId, runId: newId(), protocolVersion: PROTOCOL, messages: [], tools: [], context: [], ...more };
  }

  /** Shows what the thread holds, and follows its run if there is one. */
  async open() {
    this.known = true;
    await this.#follow("loading", (signal) => this.api.connect(this.agentId, this.#input(), { signal, lastEventId: "" }));
    this.missing = !this.problem && !this.conversation.events.length;
    if (this.missing) this.onChange();
  }

  /**
   * Takes in what happened meanwhile, for example in another tab: whoever has read all of it gets an empty answer. A
   * message that was not taken stays where it is, to be sent again first.
   */
  async catchUp(status = "idle") {
    if (this.#catching) return this.#catching;
    if (this.busy || !this.known || this.problem) return;
    if (this.conversation.notes.some(({ kind, retry }) => kind === "error" && retry)) return;
    const from = this.lastEventId;
    const follow = this.#follow(status, (signal) =>
      this.api.connect(this.agentId, this.#input(), { signal, lastEventId: from }),
    );
    this.#catching = follow.finally(() => (this.#catching = null));
    return this.#catching;
  }

  /** Catches up before something is said; false when somebody else's run goes on, which is followed then. */
  async #current() {
    const goesOn = new Promise((seen) => (this.#seen = seen));
    await Promise.race([this.catchUp("loading"), goesOn]);
    // That the server could not be asked is said of the run that comes next.
    this.problem = null;
    return !this.busy;
  }

  /** Sends words of the person, with attachments as content parts; false when it is not the moment. */
  async send(text, parts = []) {
    if (this.busy || !(await this.#current())) return false;
    this.#say(text, parts);
    return true;
  }

  async #say(text, parts) {
    const content = parts.length ? [...(text ? [{ type: "text", text }] : []), ...parts] : text;
    const { interrupts } = this.conversation;
    // A question that is passed over is cancelled: the next run has to say something of each.
    const resume = interrupts.map(({ id }) => this.decisions.get(id) ?? { interruptId: id, status: "cancelled" });
    if (resume.length) this.#decide(resume);
    this.conversation.add({ id: newId(), role: "user", content });
    await this.run(resume.length ? { resume } : {});
  }

  /** Runs the agent once more on what it failed at. */
  async retry() {
    const resume = this.lastInput ? this.lastInput.resume : this.conversation.runs.at(-1)?.resume;
    await this.run(resume ? { resume } : {});
  }

  /** Runs the agent on the conversation as it is. */
  async run(more = {}) {
    if (this.busy) return;
    this.conversation.dropNotes("error");
    this.decisions.clear();
    const { tools, context, forwardedProps } = this.setup();
    const { messages, state } = this.conversation;
    const input = this.#input({
      messages: toSend(messages),
      tools,
      context,
      forwardedProps,
      ...(state !== undefined && { state }),
      ...more,
    });
    this.lastInput = input;
    await this.#follow("running", (signal) => this.api.run(this.agentId, input, { signal }));
  }

  /** Notes the answer to one of the open questions; with the last one the run goes on. */
  async answer(interruptId, status, payload) {
    const { interrupts } = this.conversation;
    const interrupt = interrupts.find(({ id }) => id === interruptId);
    if (!interrupt || this.busy) return;
    this.decisions.set(interruptId, { interruptId, status, ...(payload !== undefined && { payload }) });
    this.onChange();
    if (!interrupts.every(({ id }) => this.decisions.has(id))) return;
    const resume = interrupts.map(({ id }) => this.decisions.get(id));
    this.#decide(resume);
    await this.run({ resume });
  }

  #decide(resume) {
    for (const entry of resume) {
      const asked = this.conversation.asked.get(entry.interruptId);
      this.conversation.note({ kind: "answer", ...entry, question: asked?.message });
      this.conversation._answered(asked, entry);
    }
    this.conversation.interrupts = [];
  }

  /** Notes the result of a tool that the page was to call; with the last one the run goes on. */
  async giveResult(toolCallId, content) {
    if (this.busy || !this.conversation.pending.includes(toolCallId)) return;
    this.conversation._insertResult({ id: newId(), role: "tool", toolCallId, content });
    this.conversation.pending = this.conversation.pending.filter((id) => id !== toolCallId);
    this.onChange();
    if (!this.conversation.pending.length) await this.run();
  }

  async stop() {
    if (!this.busy || this.status === "stopping") return;
    const before = this.status;
    this.#set("stopping");
    try {
      const { stopped } = await this.api.stop(this.agentId, this.threadId);
      if (stopped) return;
      // Its last events may be on their way.
      await new Promise((done) => setTimeout(done, LAST_WORDS));
      // Nothing runs there any more: what is still waited for does not come.
      if (this.status === "stopping") {
        this.conversation._endRun(performance.now(), false, { outcome: "cancelled" });
        this.#abort?.abort();
      }
    } catch (error) {
      if (this.status !== "stopping") return;
      this.problem = { kind: "stop", error };
      this.#set(before);
    }
  }

  /** Ends following, not the run. */
  close() {
    this.onChange = () => {};
    this.#seen();
    this.#abort?.abort();
  }

  /** Sends a request, reads its stream, and connects again for as long as a run is known to go on. */
  async #follow(status, request) {
    const abort = new AbortController();
    // Of two streams of one thread each event would come twice.
    this.#abort?.abort();
    this.#abort = abort;
    this.problem = null;
    this.#set(status);
    try {
      let response = await request(abort.signal);
      for (let attempt = 0; ; attempt += 1) {
        this.known = true;
        const any = await this.#read(response);
        // A run says at least that it began: a stream without a word was cut off.
        const cut = status === "running" && !any && !this.conversation.activeRun;
        if (!this.conversation.activeRun && !cut) break;
        if (any) attempt = 0;
        response = await this.#again(attempt, abort.signal);
      }
    } catch (error) {
      if (error.name !== "AbortError") this.#failed(status, error);
    } finally {
      if (this.#abort === abort) {
        this.#abort = null;
        this.#set("idle");
      }
    }
  }

  /** Reads to the end of the stream, however it comes; true when something was read. */
  async #read(response) {
    // The thread's numbers are not those of before: what was shown is not what there is.
    let anew = response.headers.get("x-resume") === "full";
    const replay = this.status === "loading" || this.status === "idle";
    let any = false;
    try {
      for await (const batch of readEvents(response)) {
        const now = performance.now();
        if (anew) this.conversation.reset();
        anew = false;
        for (const { id, event } of batch) {
          if (id) this.lastEventId = id;
          // Said of this stream, not of the run: it is followed again.
          if (event.type === "RUN_ERROR" && event.code === "stream_interrupted") return any;
          this.conversation.apply(event, now, !replay || this.status === "running");
        }
        any = true;
        if (this.conversation.activeRun && (replay || this.status === "reconnecting") && this.status !== "stopping") {
          this.status = "running";
          this.#seen();
        }
        this.onChange();
      }
      // The thread is gone. What is on the screen is the only copy, and the next message begins it anew.
      if (anew) this.#gone();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      // A connection that broke: the run goes on without it.
    }
    return any;
  }

  #gone() {
    this.known = false;
    this.lastEventId = "";
    const message = "The server has lost this thread while the run went on.";
    this.conversation._endRun(performance.now(), false, { outcome: "error", error: { message } });
    this.conversation.note({ kind: "gone" });
  }

  async #again(attempt, signal) {
    for (let tries = attempt; ; tries += 1) {
      if (tries >= PAUSES.length) throw new ApiError(0, "The connection to the run was lost.");
      if (this.status !== "stopping") this.#set("reconnecting");
      await pause(PAUSES[tries], signal);
      try {
        return await this.api.connect(this.agentId, this.#input(), { signal, lastEventId: this.lastEventId });
      } catch (error) {
        if (!(error instanceof ApiError) || (error.status && error.status < 500)) throw error;
      }
    }
  }

  #failed(status, error) {
    if (!(error instanceof ApiError)) console.error(error);
    const kind = error.status === 401 ? "unauthorized" : error.code === "thread_busy" ? "busy" : "failed";
    const during = this.conversation.activeRun ? "follow" : status === "running" ? "run" : "open";
    this.problem = { kind, during, error };
    if (during === "run") {
      const title = kind === "busy" ? "Another run is active on this thread" : "The message was not taken";
      this.conversation.note({
        kind: "error",
        title,
        message: error.message,
        code: error.code,
        busy: kind === "busy",
        retry: true,
      });
    } else if (during === "follow") {
      this.conversation.note({
        kind: "error",
        title: "The connection was lost",
        message: error.message,
        code: error.code,
        follow: true,
      });
    }
  }

  /** Follows a run of which something was read already, or that somebody else began. */
  async followAgain() {
    if (this.busy) return;
    this.conversation.dropNotes("error");
    const from = this.lastEventId;
    await this.#follow("loading", (signal) => this.api.connect(this.agentId, this.#input(), { signal, lastEventId: from }));
  }
}

function pause(ms, signal) {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        fail(signal.reason ?? new DOMException("aborted", "AbortError"));
      },
      { once: true },
    );
  });
}
