// Puts the page together: which agents there are, which thread is open, who is asked for a token.

import { Api, ApiError, token } from "./api.js";
import { Composer } from "./composer.js";
import { textOf, toSend } from "./conversation.js";
import { $, announce, copyText, h, icon, iconButton, newId } from "./dom.js";
import { Inspector } from "./inspector.js";
import { Layout } from "./layout.js";
import { askToken, menu, toast } from "./overlays.js";
import { Prices } from "./prices.js";
import { Session } from "./session.js";
import { curl, react } from "./share.js";
import { suggestions } from "./suggest.js";
import { themeButton } from "./theme.js";
import { Threads, title } from "./threads.js";
import { Transcript } from "./transcript.js";

const { base, mode, version } = document.documentElement.dataset;
// Relative to the page, so that a proxy may serve all of it below a path of its own.
const api = new Api(new URL(`.${base}`, document.baseURI).href, mode === "single");

/** What `/info` said last. */
let info = null;
/** Whether the agents are known and can be talked to. */
let ready = false;
let session = null;
/** Everything is to be drawn anew. */
let everything = true;
let drawing = false;

const layout = new Layout();
const inspector = new Inspector({
  onClose: () => layout.close("inspector"),
  onState: setState,
  onValid: () => composer.say(null),
});
const threads = new Threads(api, { onOpen: openThread, onGone: gone, onError: complain, onChange: redraw });
const composer = new Composer({ onSend: send, onStop: () => session.stop() });
const prices = new Prices(api, () => {
  everything = true;
  redraw();
});
const transcript = new Transcript(
  {
    conversation: () => session.conversation,
    isLive: () => session.status === "running",
    prices: () => prices.known,
    decided: (id) => session.decisions.get(id),
    isLast: (note) =>
      session.status === "idle" &&
      session.conversation.notes.at(-1) === note &&
      note.after === (session.conversation.messages.at(-1)?.id ?? ""),
    answer: (...answer) => sendable() && session.answer(...answer),
    giveResult: (...result) => sendable() && session.giveResult(...result),
    retry: () => sendable() && session.retry(),
    follow: () => session.followAgain(),
    redraw: () => draw(true),
  },
  emptyState,
);

// Drawing: at most once for each frame, however many events come, and less often when it takes long.
let pauseUntil = 0;

function redraw() {
  if (drawing) return;
  drawing = true;
  const wait = pauseUntil - performance.now();
  if (wait > 0) setTimeout(() => requestAnimationFrame(() => draw(false)), wait);
  else requestAnimationFrame(() => draw(false));
}

function draw(all) {
  const began = performance.now();
  drawing = false;
  if (!session) return;
  const changes = session.conversation.takeChanges();
  changes.all = all || everything || statusChanged();
  everything = false;
  transcript.update(changes, { status: session.status, steps: session.conversation.steps });
  inspector.update(session.conversation, changes, prices.known);
  if (changes.run || changes.all) prices.want(session.conversation.runs);
  composer.update(session.status, ready);
  threads.select(session.threadId, session.busy && session.status !== "loading");
  head();
  told(session);
  if (session.missing) noThread();
  const took = performance.now() - began;
  pauseUntil = took > 12 ? performance.now() + took * 3 : 0;
}

/** What went wrong with a connection, where the conversation does not say it. */
function told(session) {
  const { problem } = session;
  session.problem = null;
  if (!problem) return;
  if (problem.kind === "unauthorized") unauthorized(problem.error);
  else if (problem.error.unreachable) unreachable();
  else if (problem.kind === "stop" || problem.during === "open") complain(problem.error);
}

let lastStatus = "";
function statusChanged() {
  const { status } = session;
  if (status === lastStatus) return false;
  const before = lastStatus;
  lastStatus = status;
  if (status === "running" && before !== "reconnecting") announce("The agent is working");
  if (status === "reconnecting") announce("The connection was lost, connecting again");
  if (status === "idle" && ["running", "stopping", "reconnecting"].includes(before)) ended();
  return true;
}

/** A run has ended: the list has news, and those who only listen hear the answer. */
function ended() {
  const { conversation } = session;
  const answer = conversation.messages.filter(({ role }) => role === "assistant").at(-1);
  if (conversation.interrupts.length)
    announce(`The agent asks: ${conversation.interrupts.map(({ message }) => message ?? "decide").join(". ")}`);
  else if (conversation.runs.at(-1)?.error) announce(`The run failed: ${conversation.runs.at(-1).error.message}`);
  else announce(textOf(answer?.content).slice(0, 400) || "The run has ended");
  remember();
  threads.refresh();
}

function head() {
  const thread = threads.find(session.threadId);
  const first = session.conversation.messages.find(({ role }) => role === "user");
  const name = thread ? title(thread) : textOf(first?.content).slice(0, 60) || "New chat";
  $("title").textContent = name;
  document.title = `${name} · CopilotKit playground`;
  const status = { loading: "Loading", running: "Running", reconnecting: "Connecting again", stopping: "Stopping" }[
    session.status
  ];
  $("subtitle").textContent = [session.agentId, status].filter(Boolean).join(" · ");
}

/** What is shown of a thread without messages: kept for as long as it is empty, so that suggestions stay. */
let empty = { of: null, element: null };

function emptyState(status) {
  if (status === "loading") {
    return h(
      "div",
      { class: "loading", role: "status" },
      h("span", { class: "spinner", "aria-hidden": "true" }),
      "Loading the conversation",
    );
  }
  if (empty.of !== session || empty.agentId !== session.agentId || empty.info !== info) {
    empty = { of: session, agentId: session.agentId, info, element: welcome() };
  }
  return empty.element;
}

function welcome() {
  const description = info?.agents[session.agentId]?.description;
  const box = h(
    "div",
    { class: "empty" },
    h("img", { src: "playground/icon.svg", alt: "", width: 48, height: 48 }),
    h("h2", { text: "What shall we try?" }),
    description && h("p", { text: description }),
  );
  if (info?.suggestions) {
    const list = h("div", { class: "suggestions" });
    const button = h(
      "button",
      { type: "button", class: "button", on: { click: () => suggest(list, button) } },
      icon("spark", 16),
      "Suggest something",
    );
    box.append(list, button);
  }
  return box;
}

async function suggest(list, button) {
  button.disabled = true;
  list.replaceChildren(h("span", { class: "spinner", role: "img", "aria-label": "Asking the agent" }));
  try {
    const found = await suggestions(api, session.agentId, {
      id: newId,
      messages: toSend(session.conversation.messages),
      state: session.conversation.state,
    });
    list.replaceChildren(
      ...found.map(({ title: name, message }) =>
        h(
          "button",
          { type: "button", class: "suggestion", title: message, on: { click: () => send(message, []) } },
          h("strong", { text: name }),
          h("span", { text: message }),
        ),
      ),
    );
    if (!found.length) list.replaceChildren(h("p", { class: "hint", text: "The agent has nothing to suggest." }));
    else list.firstElementChild.focus();
  } catch (error) {
    list.replaceChildren();
    complain(error);
  }
  button.disabled = false;
}

/** False when there is nobody to talk to, or something to be mended first; else whether it was sent, when that is known. */
function send(text, parts) {
  if (!session || !sendable()) return false;
  composer.say(null);
  return sendIn(session, text, parts);
}

async function sendIn(to, text, parts) {
  transcript.toEnd(true);
  const sent = await to.send(text, parts);
  if (to !== session) return sent;
  if (sent) remember();
  else composer.say("A run that was begun elsewhere goes on in this thread. Send when it has ended, or stop it.");
  return sent;
}

/** Whether what is sent along with a run can be read; says so where it cannot. */
function sendable() {
  const { invalid } = inspector.setup;
  if (!invalid) return true;
  composer.say(`Nothing was sent: “${invalid.label}” in Setup cannot be read.`, {
    label: "Show the field",
    run: () => {
      layout.show("inspector");
      inspector.show("setup");
      invalid.input.focus();
    },
  });
  return false;
}

function setState(state) {
  session.conversation.state = state;
  session.conversation.changed.state = true;
  redraw();
}

// Which thread is open stands in the address, so that a reload finds it.

function remember() {
  const hash = `#${new URLSearchParams({ agent: session.agentId, thread: session.threadId })}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}

function begin(agentId, threadId, known) {
  session?.close();
  composer.say(null);
  session = new Session(api, agentId, threadId, { onChange: redraw, setup: () => inspector.setup.sent });
  session.known = known;
  transcript.reset();
  inspector.reset();
  lastStatus = "idle";
  everything = true;
  $("agent").value = agentId;
  threads.select(threadId, false);
  redraw();
  if (known) session.open();
}

function newThread() {
  begin($("agent").value || session?.agentId || "default", newId(), false);
  history.replaceState(null, "", location.pathname + location.search);
  layout.closeOver();
  composer.focus();
}

const coarse = matchMedia("(pointer: coarse)");

function openThread({ id, agentId }) {
  if (id !== session.threadId) {
    openAs(agentId, id);
    remember();
  }
  layout.closeOver();
  if (!coarse.matches) composer.focus();
}

/** Opens a thread with its agent; with the one that is picked, where there is no such agent. */
function openAs(agentId, threadId) {
  const there = Boolean(info.agents[agentId]);
  begin(there ? agentId : $("agent").value || session?.agentId || "default", threadId, true);
  if (!there && agentId) composer.say(noAgent(agentId));
}

const noAgent = (agentId) => `There is no agent “${agentId}” here: this chat is with ${session.agentId}.`;

/** The address named a thread that the server does not have. */
function noThread() {
  const { threadId } = session;
  const said = composer.said;
  newThread();
  composer.say([said, `There is no thread “${threadId}”. This is a new chat.`].filter(Boolean).join(" "));
}

function gone(threadId) {
  if (session.threadId === threadId) newThread();
}

// Errors and tokens.

function complain(error) {
  if (error.status === 401) return unauthorized(error);
  if (error.unreachable) return unreachable();
  if (!(error instanceof ApiError)) console.error(error);
  toast(error.message, { error: true });
}

let asking = false;
async function unauthorized(error) {
  if (asking) return;
  asking = true;
  const refused = token.get() ? error.message : null;
  token.set("");
  const tried = (value) => api.info(value).then(() => null, ({ message }) => message);
  token.set(await askToken({ refused, tried }));
  asking = false;
  await start();
}

let retrying = null;
function unreachable() {
  ready = false;
  redraw();
  if (retrying) return;
  let wait = 1;
  const show = (text) => {
    $("banner").hidden = false;
    $("banner").replaceChildren(
      icon("error", 18),
      h("span", { text }),
      h("button", { type: "button", class: "button", text: "Try now", on: { click: again } }),
    );
  };
  const again = async () => {
    clearTimeout(retrying);
    retrying = true;
    try {
      await api.info();
    } catch (error) {
      if (error.unreachable || error.status >= 500) {
        wait = Math.min(wait * 2, 10);
        plan();
        return;
      }
    }
    retrying = null;
    $("banner").hidden = true;
    announce("The server answers again");
    await start();
    session?.catchUp();
  };
  const plan = () => {
    show("The server does not answer. It is asked again every few seconds.");
    retrying = setTimeout(again, wait * 1000);
  };
  plan();
}

/** Asks which agents there are: the server may have been given others. */
async function readInfo() {
  const said = await api.info();
  ready = true;
  // What says the same stays as it is, also under a hand that is about to press something.
  if (JSON.stringify(said) === JSON.stringify(info)) return;
  info = said;
  const select = $("agent");
  const ids = Object.keys(info.agents);
  const { value } = select;
  select.replaceChildren(...ids.map((id) => h("option", { value: id, text: id, title: info.agents[id].description })));
  if (info.agents[value]) select.value = value;
  select.disabled = !ids.length;
  $("version").textContent = `v${info.version}`;
  if (threads.severalAgents !== ids.length > 1) {
    threads.severalAgents = ids.length > 1;
    threads.draw();
  }
  if (!ids.length) toast("This server has no agents. Add [agents.default] to its configuration.", { error: true });
}

async function start() {
  signOut.hidden = !token.get();
  try {
    await readInfo();
  } catch (error) {
    return complain(error);
  }
  $("banner").hidden = true;
  prices.forget();
  const asked = new URLSearchParams(location.hash.slice(1));
  const wanted =
    [session?.agentId, asked.get("agent"), "default"].find((id) => id && info.agents[id]) ?? Object.keys(info.agents)[0];
  if (session?.conversation.messages.length) $("agent").value = wanted;
  else begin(wanted ?? "default", session?.threadId ?? asked.get("thread") ?? newId(), session?.known ?? asked.has("thread"));
  if (asked.get("agent") && !info.agents[asked.get("agent")]) composer.say(noAgent(asked.get("agent")));
  // Where a keyboard is at hand, one may begin to write.
  if (!coarse.matches && document.activeElement === document.body) composer.focus();
  everything = true;
  redraw();
  await threads.refresh();
}

// What stands at the edges.

const signOut = iconButton("key", "Forget the token", {
  on: {
    click: () => {
      token.set("");
      session?.close();
      session = null;
      // Nothing of the person stays on the screen.
      history.replaceState(null, "", location.pathname + location.search);
      location.reload();
    },
  },
});
signOut.hidden = true;
$("foot-buttons").append(signOut, themeButton());
$("version").textContent = version ? `v${version}` : "";
$("new-thread").prepend(icon("plus", 16));
$("docs-link").prepend(icon("book", 16));
$("new-thread").addEventListener("click", newThread);
$("agent").addEventListener("change", () => {
  // A conversation stays with its agent: another one begins another. What was written goes along.
  newThread();
});

const share = iconButton("code", "Copy as code");
menu(share, () => [
  { label: "Copy as curl", icon: "code", run: copyCurl },
  { label: "Copy as React", icon: "braces", run: () => copied(reactText(), "React page") },
]);
const fresh = iconButton("edit", "New chat", { class: "only-narrow", on: { click: newThread } });
$("head-buttons").append(share, fresh, layout.inspectorButton);

const about = () => ({ base: api.base, agentId: session.agentId, single: api.single, authorized: Boolean(token.get()) });

/** A run gets the whole conversation from who starts it, so all of it is in the command. */
function copyCurl() {
  if (!session.lastInput && !sendable()) return;
  const { text, messages } = curlText();
  const size = text.length < 1000 ? `${text.length} bytes` : `${Math.round(text.length / 1000)} kB`;
  copied(text, messages > 1 ? `curl command: the whole conversation, ${messages} messages, ${size}` : "curl command");
}

function curlText() {
  const { messages, state } = session.conversation;
  const next = {
    threadId: session.threadId,
    runId: newId(),
    messages: toSend(messages),
    ...inspector.setup.sent,
    ...(state !== undefined && { state }),
  };
  const input = session.lastInput ?? next;
  return { text: curl({ ...about(), input }), messages: input.messages.length };
}

const reactText = () => react({ ...about(), threadId: session.known ? session.threadId : "" });

async function copied(text, what) {
  try {
    await copyText(text);
    toast(`Copied the ${what}`);
  } catch (error) {
    toast(`Not copied: ${error.message}`, { error: true });
  }
}

/** What happened while nobody looked: in the thread, in the list, to the agents. */
async function lookAgain() {
  if (document.visibilityState !== "visible" || !ready || looking) return;
  looking = true;
  session?.catchUp();
  await Promise.all([threads.refresh(), readInfo().then(redraw, complain)]);
  looking = false;
}

let looking = false;

document.addEventListener("visibilitychange", lookAgain);
// A window beside this one is never hidden.
window.addEventListener("focus", lookAgain);
window.addEventListener("hashchange", () => {
  const asked = new URLSearchParams(location.hash.slice(1));
  const [agent, thread] = [asked.get("agent"), asked.get("thread")];
  // The link to the message field changes the address as well.
  if (!ready || !session || (!agent && !thread)) return;
  if (thread && thread !== session.threadId) return openAs(agent, thread);
  if (!agent || (agent === session.agentId && (thread || !session.known))) return;
  if (!info.agents[agent]) return composer.say(noAgent(agent));
  // As a page that was opened with this address. A conversation stays with its agent.
  begin(agent, newId(), false);
});

await start();
