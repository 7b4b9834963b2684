// A tool call: what is called with what, as it streams, and what came of it.

import { copyButton, h, icon } from "./dom.js";
import { outcomeOf, resultLine, resultText } from "./tool-result.js";

/** JSON in lines where it is JSON; while it streams it is text. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** A value of JSON or a text, to be shown and copied. */
export function panel(label, text) {
  const code = h("code", { text });
  return h(
    "div",
    { class: "panel" },
    h(
      "div",
      { class: "panel-head" },
      h("span", { text: label }),
      copyButton(() => code.textContent, `Copy ${label.toLowerCase()}`),
    ),
    h("pre", { tabindex: 0, role: "group", "aria-label": label }, code),
  );
}

let fields = 0;

/** A field for what a person answers. `fail` says below it what is wrong with it. */
export function answerField({ label, placeholder, value = "" }) {
  const id = `answer-${(fields += 1)}`;
  const input = h("textarea", {
    id,
    class: "input",
    rows: 1,
    placeholder,
    spellcheck: "false",
    "aria-describedby": `${id}-error`,
  });
  input.value = value;
  const error = h("p", { class: "form-error", id: `${id}-error`, role: "alert" });
  const element = h("div", null, h("label", { class: "field-label", for: id, text: label }), input, error);
  const fail = (text) => {
    error.textContent = text;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  };
  return { element, input, fail };
}

/** Fields with what can be pressed below them. */
export function answerForm(elements, actions) {
  const props = { class: "answer", novalidate: true, on: { submit: (event) => event.preventDefault() } };
  return h("form", props, elements, h("div", { class: "answer-actions" }, actions));
}

/** How a call stands: what is shown for it. */
const STATUS = {
  done: ["check", "Done"],
  answered: ["check", "Answered"],
  failed: ["error", "Failed"],
  rejected: ["close", "Rejected"],
  canceled: ["close", "Canceled"],
  stopped: ["stop", "Stopped"],
  waiting: ["question", "Waiting for you"],
  none: [null, "No result"],
};

export class ToolView {
  constructor(callId, handlers) {
    this.callId = callId;
    this.handlers = handlers;
    this.name = h("span", { class: "tool-name" });
    this.args = h("span", { class: "tool-args" });
    this.came = h("span", { class: "tool-came" });
    this.status = h("span", { class: "tool-status" });
    this.body = h("div", { class: "tool-body" });
    const summary = h(
      "summary",
      null,
      h("span", { class: "tool-icon" }, icon("tool", 16)),
      this.name,
      h("span", { class: "tool-preview" }, this.args, this.came),
      this.status,
      icon("chevron", 16),
    );
    // Whoever opens or closes it decides from then on.
    summary.addEventListener("click", () => (this.byHand = true));
    this.element = h("details", { class: "tool", data: { callId } }, summary, this.body);
    this.shown = {};
  }

  /** Shows a call. `waiting` is "result" when the page is to give one, "approval" or "answer" when a question is about it. */
  update(call, info, waiting, running) {
    const { name, arguments: args } = call.function;
    const result = info?.result;
    const { status, message } = standing(info, waiting, running);
    const key = `${name}\n${args.length}\n${status}\n${waiting}\n${info?.ended}\n${result?.id}`;
    if (key === this.shown.key) return;
    this.shown.key = key;
    this.name.textContent = name;
    const line = args.replace(/\s+/g, " ");
    this.args.textContent = line === "{}" ? "" : line.slice(0, 160);
    this.came.textContent = message ?? (result && status === "done" ? resultLine(result.content) : "");
    this.element.dataset.status = status;
    if (status === "running")
      this.status.replaceChildren(h("span", { class: "spinner", "aria-hidden": "true" }), info?.ended ? "Running" : "Calling");
    else {
      const [sign, text] = STATUS[status];
      this.status.replaceChildren(...(sign ? [icon(sign, 14)] : []), text);
    }
    this.#panel("args", "Arguments", info?.ended ? pretty(args) : args);
    if (result) this.#panel("result", "Result", resultText(result.content));
    // Open for as long as somebody has to decide on it.
    if (!this.byHand) this.element.open = !result && (waiting === "result" || waiting === "approval");
    this.#form(waiting === "result" && !result);
  }

  #panel(key, label, text) {
    if (!this.shown[key]) this.body.append((this.shown[key] = panel(label, text)));
    else this.shown[key].querySelector("code").textContent = text;
    if (key === "args") this.shown[key].hidden = text === "" || text === "{}";
  }

  /** The tool is one of a page: here the person stands in for it. */
  #form(wanted) {
    if (!wanted) {
      this.shown.form?.remove();
      this.shown.form = null;
      return;
    }
    if (this.shown.form) return;
    const { element, input } = answerField({
      label: "This tool runs in a page. What does it answer?",
      placeholder: "Text or JSON",
    });
    const give = () => this.handlers.giveResult(this.callId, input.value);
    const button = h("button", { type: "submit", class: "button primary", text: "Send result", on: { click: give } });
    this.shown.form = this.body.appendChild(answerForm([element], [button]));
  }
}

/** How a call stands, and why where it came to nothing. */
function standing(info, waiting, running) {
  if (info?.result) {
    const { outcome, message } = outcomeOf(info.result);
    // What a person did with its question says more than how the agent wrote it down.
    const undone = info.answered === "rejected" || info.answered === "canceled";
    return { status: outcome === "done" && undone ? info.answered : outcome, message: outcome === "stopped" ? undefined : message };
  }
  if (waiting) return { status: "waiting" };
  if (info?.answered) return { status: info.answered };
  if (running && (!info?.run || info.run === running)) return { status: "running" };
  return { status: info?.run?.outcome === "cancelled" ? "stopped" : "none" };
}
