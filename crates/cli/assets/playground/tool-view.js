// A tool call: what is called with what, as it streams, and what came of it.

import { textOf } from "./conversation.js";
import { copyButton, h, icon } from "./dom.js";

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
  const props = { class: "answer", on: { submit: (event) => event.preventDefault() } };
  return h("form", props, elements, h("div", { class: "answer-actions" }, actions));
}

export class ToolView {
  constructor(callId, live, handlers) {
    this.callId = callId;
    this.handlers = handlers;
    this.name = h("span", { class: "tool-name" });
    this.preview = h("span", { class: "tool-preview" });
    this.status = h("span", { class: "tool-status" });
    this.body = h("div", { class: "tool-body" });
    this.element = h(
      "details",
      { class: "tool", data: { callId }, open: live },
      h(
        "summary",
        null,
        h("span", { class: "tool-icon" }, icon("tool", 16)),
        this.name,
        this.preview,
        this.status,
        icon("chevron", 16),
      ),
      this.body,
    );
    this.shown = {};
  }

  /** Shows a call. `waiting` is "result" when the page is to give one, "answer" when a question is about it. */
  update(call, info, waiting, running) {
    const { name, arguments: args } = call.function;
    const result = info?.result;
    const status = result ? "done" : waiting ? "waiting" : info?.answered ? "answered" : running ? "running" : "none";
    const key = `${name}\n${args.length}\n${status}\n${waiting}\n${info?.ended}\n${result?.id}`;
    if (key === this.shown.key) return;
    this.shown.key = key;
    this.name.textContent = name;
    this.preview.textContent = args.replace(/\s+/g, " ").slice(0, 120);
    this.element.dataset.status = status;
    this.status.replaceChildren(
      ...{
        done: [icon("check", 14), "Done"],
        waiting: [icon("question", 14), "Waiting for you"],
        running: [h("span", { class: "spinner", "aria-hidden": "true" }), info?.ended ? "Running" : "Calling"],
        answered: info?.answered === "rejected" ? [icon("close", 14), "Rejected"] : [icon("check", 14), "Answered"],
        none: ["No result"],
      }[status],
    );
    this.#panel("args", "Arguments", info?.ended ? pretty(args) : args);
    if (result) this.#panel("result", "Result", resultText(result.content));
    if (waiting && !result) this.element.open = true;
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

/** A tool's result is often JSON in a text, which may itself be a text in JSON. */
function resultText(content) {
  const text = typeof content === "string" ? content : textOf(content) || JSON.stringify(content);
  try {
    const value = JSON.parse(text);
    return typeof value === "string" ? value : JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}
