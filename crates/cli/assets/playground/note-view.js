// What stands between messages: how a run ended, what went wrong, questions to the person.

import { isApproval, isDecline, isRejection } from "./conversation.js";
import { h, icon } from "./dom.js";
import { safeUrl } from "./markdown-inline.js";
import { misfit, questionFields, sendOnEnter } from "./question-form.js";
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
  if (isDecline(answer)) return "You declined";
  if (status === "cancelled") return payload?.reason ? `You canceled: ${payload.reason}` : "You canceled the question";
  if (isRejection(answer)) return payload?.reason ? `You rejected: ${payload.reason}` : "You rejected";
  if (payload === undefined || payload?.approved === true) return payload?.editedArgs ? "You approved with changes" : "You approved";
  return `You answered: ${said(payload)}`;
}

/** An answer in one line: a form of several fields with their names, one of a single field without. */
function said(payload) {
  if (typeof payload === "string") return payload;
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return JSON.stringify(payload);
  if (payload.action === "accept" && !payload.content) return "done";
  const members = Object.entries(payload.action === "accept" && payload.content ? payload.content : payload);
  if (members.length === 1 && typeof members[0][1] === "string") return members[0][1];
  return members.map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(" · ") || "{}";
}

/** A question that the run ended with. */
export function interruptView(interrupt, context) {
  const conversation = context.conversation();
  const call = interrupt.toolCallId && conversation.callInfo(interrupt.toolCallId)?.call;
  const decided = context.decided(interrupt.id);
  const expired = interrupt.expiresAt && new Date(interrupt.expiresAt) <= new Date();
  const name = call?.function.name ?? interrupt.metadata?.toolName;
  // The server's own words for its kinds of question say nothing to a person.
  const reason = ["tool_call", "tool_approval", "input_required"].includes(interrupt.reason) ? null : interrupt.reason;
  const asks = isMcp(interrupt) && `MCP server: ${interrupt.metadata.server}`;
  const about = [reason, asks, name && isApproval(interrupt) && `Tool: ${name}`].filter(Boolean).join(" · ");
  const head = h(
    "div",
    { class: "interrupt-head" },
    icon("question", 18),
    h("strong", { text: interrupt.message || "The agent asks you to decide" }),
  );
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

/** A question for more than a yes or a no: for fields, to open a link, or for anything. */
function question(interrupt, context) {
  const { id, reason, responseSchema: schema, metadata } = interrupt;
  const answer = (payload) => context.answer(id, "resolved", payload);
  const cancel = (why) => context.answer(id, "cancelled", { approved: false, ...(why && { reason: why }) });
  const no = (label, run) => press("close", label, { type: "button", on: { click: run } });
  const yes = (label, run) => press("check", label, { type: "submit", class: "button primary", on: { click: run } });
  // MCP tells who says no from who says nothing.
  const decline = isMcp(interrupt) && no("Decline", () => answer({ action: "decline" }));
  const href = isMcp(interrupt) && typeof metadata.url === "string" && safeUrl(metadata.url);
  if (href) {
    const link = h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", text: href });
    const done = yes("Done", () => answer({ action: "accept" }));
    return answerForm([h("p", { class: "answer-link" }, link)], [done, decline, no("Cancel", () => cancel())]);
  }
  const fields = schema && questionFields(schema);
  if (fields) {
    const send = () => {
      const read = fields.read();
      // A field of this name would be taken for what MCP says.
      const wrapped = isMcp(interrupt) && read && Object.hasOwn(read, "action");
      if (read) answer(wrapped ? { action: "accept", content: read } : read);
    };
    return answerForm([fields.element], [yes("Answer", send), decline, no("Cancel", () => cancel())]);
  }
  // One that asks for words is not answered by a bare yes.
  const open = reason === "tool_call" || Boolean(schema);
  const optional = !open || acceptsNothing(schema);
  const { element, input, fail } = answerField({
    label: optional ? "Your answer (optional)" : "Your answer",
    placeholder: "Text or JSON",
  });
  const send = () => {
    const text = input.value.trim();
    if (!text && !optional) return fail("Write an answer, or cancel the question.");
    if (!text) return answer(schema ? {} : { approved: true });
    const { value, wrong } = meant(text, schema);
    if (wrong) fail(wrong);
    else answer(value);
  };
  input.addEventListener("keydown", (event) => input.value.trim() && sendOnEnter(event));
  const button = yes(open ? "Answer" : "Approve", send);
  if (!open) input.addEventListener("input", () => (button.lastChild.textContent = input.value.trim() ? "Answer" : "Approve"));
  const expected = schema && panel("The answer should be", JSON.stringify(schema, null, 2));
  const refuse = no(open ? "Cancel" : "Reject", () => cancel(input.value.trim()));
  return answerForm([expected, element], [button, decline, refuse]);
}

/** Whether a server of tools asks. */
const isMcp = ({ reason, metadata }) => reason === "input_required" && typeof metadata?.server === "string";

/** Whether an object without members is an answer. */
const acceptsNothing = (schema) => schema?.type === "object" && !misfit(schema, {});

/** JSON where it is JSON and fits, else the words, where those fit; `wrong` says why neither does. */
function meant(text, schema) {
  let value = text;
  let wrong = null;
  try {
    value = JSON.parse(text) ?? text;
  } catch (error) {
    wrong = `Not JSON: ${error.message}`;
  }
  const unfit = schema ? misfit(schema, value) : null;
  if (!unfit) return { value };
  const isText = typeof value !== "object" && !misfit(schema, text);
  return isText ? { value: text } : { wrong: wrong ?? unfit };
}
