// What is sent along with each run: tools and context of the page that the playground stands in for, and what passes
// through to the agent. Kept for the tab, as JSON that a person writes.

import { h } from "./dom.js";

const KEY = "copilotkit-playground-setup";

const FIELDS = [
  {
    name: "tools",
    label: "Tools of the page",
    empty: [],
    hint: "The agent may call them; you are asked for each result.",
    example:
      '[{ "name": "pick_color", "description": "Lets the user pick a color", "parameters": { "type": "object", "properties": {} } }]',
    check: (value) =>
      (Array.isArray(value) && value.every((tool) => typeof tool?.name === "string" && typeof tool.description === "string")) ||
      "Write a list of objects with name and description.",
  },
  {
    name: "context",
    label: "Context",
    empty: [],
    hint: "What the page tells the agent.",
    example: '[{ "description": "The open document", "value": "Quarterly report" }]',
    check: (value) =>
      (Array.isArray(value) &&
        value.every((entry) => typeof entry?.description === "string" && typeof entry.value === "string")) ||
      "Write a list of objects with description and value, both texts.",
  },
  {
    name: "state",
    label: "Shared state",
    empty: undefined,
    hint: "Replaces the state of this thread from its next run on.",
    example: '{ "count": 1 }',
    check: () => true,
  },
  {
    name: "forwardedProps",
    label: "Forwarded props",
    empty: {},
    hint: "Passed through to the agent.",
    example: '{ "temperature": 0.2 }',
    check: (value) => (value !== null && typeof value === "object" && !Array.isArray(value)) || "Write an object.",
  },
];

export class SetupView {
  /** `onState` is told of a state that a person wrote, `onValid` when what was wrong is not any more. */
  constructor(onState, onValid) {
    this.values = {};
    /** What cannot be sent: `{ label, input }` by name. */
    this.wrong = new Map();
    this.onState = onState;
    this.onValid = onValid;
    const stored = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    this.element = h(
      "div",
      { class: "setup-view" },
      h("p", { class: "hint", text: "Sent with each run, in place of what a page would send. JSON; empty is nothing." }),
      FIELDS.map((field) => this.#field(field, stored[field.name] ?? "")),
    );
  }

  #field(field, stored) {
    const id = `setup-${field.name}`;
    const input = h("textarea", {
      id,
      class: "input code-input",
      rows: 3,
      spellcheck: "false",
      placeholder: field.example,
      "aria-describedby": `${id}-hint`,
    });
    const hint = h("p", { class: "hint", id: `${id}-hint`, text: field.hint });
    const read = () => {
      const [value, error] = parse(field, input.value.trim());
      input.setAttribute("aria-invalid", String(Boolean(error)));
      hint.textContent = error ?? field.hint;
      hint.classList.toggle("form-error", Boolean(error));
      if (error) {
        this.wrong.set(field.name, { label: field.label, input });
        return;
      }
      if (this.wrong.delete(field.name) && !this.wrong.size) this.onValid();
      this.values[field.name] = value;
    };
    input.addEventListener("input", () => {
      read();
      // The state belongs to a thread, not to the page.
      if (field.name === "state") {
        if (input.getAttribute("aria-invalid") === "false" && input.value.trim()) this.onState(this.values.state);
        return;
      }
      const all = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
      sessionStorage.setItem(KEY, JSON.stringify({ ...all, [field.name]: input.value }));
    });
    if (field.name !== "state") input.value = stored;
    read();
    return h("div", { class: "setup-field" }, h("label", { class: "field-label", for: id, text: field.label }), input, hint);
  }

  /** The first field that holds what cannot be sent. */
  get invalid() {
    return this.wrong.values().next().value ?? null;
  }

  /** What goes along with a run. Asked only where nothing is wrong. */
  get sent() {
    const { tools, context, forwardedProps } = this.values;
    return { tools: tools ?? [], context: context ?? [], forwardedProps: forwardedProps ?? {} };
  }
}

function parse(field, text) {
  if (!text) return [field.empty, null];
  try {
    const value = JSON.parse(text);
    const good = field.check(value);
    return good === true ? [value, null] : [undefined, good];
  } catch (error) {
    return [undefined, `Not JSON: ${error.message}`];
  }
}
