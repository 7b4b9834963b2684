// What stands between messages: how a run ended, what went wrong, questions to the person.

import { isApproval, isRejection } from "./conversation.js";
import { h, icon } from "./dom.js";
import { answerField, answerForm, panel, pretty } from "./tool-view.js";
import { detail, summary } from "./usage.js";

/** The element of a note, or null where there is nothing to say. */
export function noteView(note, context) {
  if (note.kind === "answer") return answered(note);
  if (note.kind === "error") return failure(note, context);
  if (note.kind === "gone")
    return remark("error", "The server does not have this thread any more. What you send begins it anew.");
  const { run } = note;
  if (run.outcome === "error") {
    const retry = context.isLast(note) && { label: "Try again", run: () => context.retry() };
    return errorCard("The run failed", run.error.message, run.error.code, [retry].filter(Boolean));
  }
  const line = summary(run, context.prices());
  const stopped = run.outcome === "cancelled" && h("span", { class: "stopped" }, icon("stop", 13), "Stopped");
  const silent = run.silent && run.outcome === "success" && h("span", { text: "The agent said nothing" });
  if (!line && !stopped && !silent) return null;
  return h(
    "div",
    { class: "run-note" },
    stopped,
    silent,
    line && h("span", { class: "run-summary", title: detail(run, context.prices()), text: line }),
  );
}

function errorCard(title, message, code, actions) {
  return h(
    "div",
    { class: "error-card", role: "group", "aria-label": title },
    icon("error", 18),
    h("div", { class: "error-text" }, h("strong", { text: title }), h("p", { text: message }), code && h("code", { text: code })),
    actions.length > 0 &&
      h(
        "div",
        { class: "error-actions" },
        actions.map(({ label, run }) => h("button", { type: "button", class: "button", text: label, on: { click: run } })),
      ),
  );
}

function failure(note, context) {
  const actions = [];
  if (context.isLast(note)) {
    if (note.busy || note.follow)
      actions.push({ label: note.follow ? "Connect again" : "Follow that run", run: () => context.follow() });
    if (note.retry) actions.push({ label: "Try again", run: () => context.retry() });
  }
  return errorCard(note.title, note.message, note.code, actions);
}

function answered(answer) {
  const rejected = isRejection(answer);
  return remark(rejected ? "close" : "check", told(answer), answer.question);
}

const remark = (sign, text, title) => h("div", { class: "answered" }, icon(sign, 14), h("span", { text, title }));

/** What a person did with a question. */
function told(answer) {
  const { status, payload } = answer;
  if (status === "cancelled" && payload === undefined) return "You went on without an answer";
  if (status === "cancelled") return payload?.reason ? `You canceled: ${payload.reason}` : "You canceled the question";
  if (isRejection(answer)) return payload?.reason ? `You rejected: ${payload.reason}` : "You rejected";
  if (payload === undefined || payload?.approved === true) return payload?.editedArgs ? "You approved with changes" : "You approved";
  return `You answered: ${typeof payload === "string" ? payload : JSON.stringify(payload)}`;
}

/** A question that the run ended with. */
export function interruptView(interrupt, context) {
  const conversation = context.conversation();
  const call = interrupt.toolCallId && conversation.callInfo(interrupt.toolCallId)?.call;
  const decided = context.decided(interrupt.id);
  const expired = interrupt.expiresAt && new Date(interrupt.expiresAt) <= new Date();
  const name = call?.function.name ?? interrupt.metadata?.toolName;
  // The server's own words for its two kinds of question say nothing to a person.
  const reason = ["tool_call", "tool_approval"].includes(interrupt.reason) ? null : interrupt.reason;
  const about = [reason, name && isApproval(interrupt) && `Tool: ${name}`].filter(Boolean).join(" · ");
  const head = h(
    "div",
    { class: "interrupt-head" },
    icon("question", 18),
    h("strong", { text: interrupt.message || "The agent asks you to decide" }),
  );
  const schema =
    interrupt.responseSchema &&
    !isApproval(interrupt) &&
    panel("The answer should be", JSON.stringify(interrupt.responseSchema, null, 2));
  const card = h(
    "section",
    {
      class: "interrupt",
      role: "group",
      "aria-label": interrupt.message || "Question of the agent",
      data: { interruptId: interrupt.id },
    },
    head,
    about && h("p", { class: "interrupt-reason", text: about }),
    schema,
  );
  if (decided) card.append(answered(decided), h("p", { class: "hint", text: "Waiting for your answer to the other questions." }));
  else card.append(form(interrupt, call, context, expired));
  return card;
}

function form(interrupt, call, context, expired) {
  if (expired) {
    const cancel = () => context.answer(interrupt.id, "cancelled");
    return h(
      "div",
      { class: "answer-actions" },
      h("p", { class: "hint", text: "The time for an answer is over." }),
      h("button", { type: "button", class: "button", text: "Go on without an answer", on: { click: cancel } }),
    );
  }
  return isApproval(interrupt) ? approval(interrupt, call, context) : question(interrupt, context);
}

const press = (name, label, props) => h("button", { class: "button", ...props }, icon(name, 16), h("span", { text: label }));

/** A yes or a no to a call, whose arguments can be changed where the agent says that it takes others. */
function approval(interrupt, call, context) {
  const edits = Boolean(interrupt.responseSchema?.properties?.editedArgs) && call;
  const before = edits ? pretty(call.function.arguments) : "";
  const args = edits && answerField({ label: "Arguments, as they are or changed", value: before });
  const reason = answerField({ label: "Reason for a rejection (optional)" });
  const approve = () => {
    const payload = { approved: true };
    if (edits && args.input.value.trim() !== before.trim()) {
      try {
        payload.editedArgs = JSON.parse(args.input.value);
      } catch (error) {
        args.fail(`Not JSON: ${error.message}`);
        return;
      }
    }
    context.answer(interrupt.id, "resolved", payload);
  };
  const reject = () => {
    const why = reason.input.value.trim();
    context.answer(interrupt.id, "resolved", { approved: false, ...(why && { reason: why }) });
  };
  return answerForm(
    [args?.element, reason.element],
    [
      press("check", "Approve", { type: "submit", class: "button primary", on: { click: approve } }),
      press("close", "Reject", { type: "button", on: { click: reject } }),
    ],
  );
}

/** A question that may be answered by anything. One that asks for words is not answered by a bare yes. */
function question(interrupt, context) {
  const open = interrupt.reason === "tool_call" || Boolean(interrupt.responseSchema);
  const words = open
    ? { label: "Your answer", yes: "Answer", no: "Cancel" }
    : { label: "Your answer (optional)", yes: "Approve", no: "Reject" };
  const { element, input, fail } = answerField({ label: words.label, placeholder: "Text or JSON" });
  const answer = () => {
    const text = input.value.trim();
    if (open && !text) fail("Write an answer, or cancel the question.");
    else context.answer(interrupt.id, "resolved", payload(text));
  };
  const cancel = () => {
    const why = input.value.trim();
    context.answer(interrupt.id, "cancelled", { approved: false, ...(why && { reason: why }) });
  };
  const yes = press("check", words.yes, { type: "submit", class: "button primary", on: { click: answer } });
  input.addEventListener("input", () => (yes.lastChild.textContent = input.value.trim() ? "Answer" : words.yes));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !input.value.trim()) return;
    event.preventDefault();
    answer();
  });
  return answerForm([element], [yes, press("close", words.no, { type: "button", on: { click: cancel } })]);
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
