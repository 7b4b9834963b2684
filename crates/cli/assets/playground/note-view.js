// What stands between messages: how a run ended, what went wrong, questions to the person.

import { h, icon } from "./dom.js";
import { answerForm, panel } from "./tool-view.js";
import { detail, summary } from "./usage.js";

/** The element of a note, or null where there is nothing to say. */
export function noteView(note, context) {
  if (note.kind === "answer") return answered(note);
  if (note.kind === "error") return failure(note, context);
  const { run } = note;
  if (run.outcome === "error") {
    const retry = context.isLast(note) && { label: "Try again", run: () => context.retry() };
    return errorCard("The run failed", run.error.message, run.error.code, [retry].filter(Boolean));
  }
  const line = summary(run, context.prices());
  const stopped = run.outcome === "cancelled" && h("span", { class: "stopped" }, icon("stop", 13), "Stopped");
  if (!line && !stopped) return null;
  return h("div", { class: "run-note" }, stopped, line && h("span", { class: "run-summary", title: detail(run, context.prices()), text: line }));
}

function errorCard(title, message, code, actions) {
  return h("div", { class: "error-card", role: "group", "aria-label": title }, icon("error", 18),
    h("div", { class: "error-text" }, h("strong", { text: title }), h("p", { text: message }), code && h("code", { text: code })),
    actions.length > 0 && h("div", { class: "error-actions" }, actions.map(({ label, run }) => h("button", { type: "button", class: "button", text: label, on: { click: run } }))));
}

function failure(note, context) {
  const actions = [];
  if (context.isLast(note)) {
    if (note.busy || note.follow) actions.push({ label: note.follow ? "Connect again" : "Follow that run", run: () => context.follow() });
    if (note.retry) actions.push({ label: "Try again", run: () => context.retry() });
  }
  return errorCard(note.title, note.message, note.code, actions);
}

function answered({ status, payload, question }) {
  const rejected = status === "cancelled" || payload?.approved === false;
  const approved = payload === undefined || payload?.approved === true;
  const said = rejected ? "You rejected" : approved ? "You approved" : `You answered: ${typeof payload === "string" ? payload : JSON.stringify(payload)}`;
  return h("div", { class: "answered" }, icon(rejected ? "close" : "check", 14), h("span", { text: said, title: question }));
}

/** A question that the run ended with. */
export function interruptView(interrupt, context) {
  const conversation = context.conversation();
  const call = interrupt.toolCallId && conversation.callInfo(interrupt.toolCallId)?.call;
  const decided = context.decided(interrupt.id);
  const expired = interrupt.expiresAt && new Date(interrupt.expiresAt) <= new Date();
  const name = call?.function.name ?? interrupt.metadata?.toolName;
  const head = h("div", { class: "interrupt-head" }, icon("question", 18), h("strong", { text: interrupt.message || "The agent asks you to decide" }));
  const schema = interrupt.responseSchema && panel("The answer should be", JSON.stringify(interrupt.responseSchema, null, 2));
  const card = h("section", { class: "interrupt", role: "group", "aria-label": interrupt.message || "Question of the agent", data: { interruptId: interrupt.id } }, head,
    h("p", { class: "interrupt-reason", text: [interrupt.reason, name].filter(Boolean).join(" · ") }), schema);
  if (decided) card.append(answered(decided), h("p", { class: "hint", text: "Waiting for your answer to the other questions." }));
  else card.append(form(interrupt, context, expired));
  return card;
}

function form(interrupt, context, expired) {
  if (expired) {
    return h("div", { class: "answer-actions" }, h("p", { class: "hint", text: "The time for an answer is over." }),
      h("button", { type: "button", class: "button", text: "Go on without an answer", on: { click: () => context.answer(interrupt.id, "cancelled") } }));
  }
  return answerForm({
    label: "Your answer (optional)",
    placeholder: "Text or JSON",
    actions: (input) => {
      const approve = h("button", { type: "submit", class: "button primary" }, icon("check", 16), h("span", { text: "Approve" }));
      const reject = h("button", { type: "button", class: "button" }, icon("close", 16), h("span", { text: "Reject" }));
      input.addEventListener("input", () => (approve.lastChild.textContent = input.value.trim() ? "Send answer" : "Approve"));
      input.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing || !input.value.trim()) return;
        event.preventDefault();
        approve.click();
      });
      approve.addEventListener("click", () => context.answer(interrupt.id, "resolved", payload(input.value.trim())));
      reject.addEventListener("click", () => context.answer(interrupt.id, "cancelled", { approved: false, ...(input.value.trim() && { reason: input.value.trim() }) }));
      return [approve, reject];
    },
  });
}

/** JSON where it is JSON, else the words; nothing said is a yes. */
function payload(text) {
  if (!text) return { approved: true };
  try {
    return JSON.parse(text) ?? text;
  } catch {
    return text;
  }
}
