// The shared state as a tree. What has changed is marked for a while.

import { copyButton, h, icon } from "./dom.js";
import { changedPaths } from "./patch.js";

/** Children of one value that are made at once. */
const CHILDREN = 200;
/** Levels that are open at first. */
const OPEN_DEPTH = 2;

const pointer = (path, key) => `${path}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;

export class StateView {
  constructor() {
    this.element = h("div", { class: "state-view" });
    /** What a person opened or closed, by path. */
    this.open = new Map();
    this.value = undefined;
  }

  reset() {
    this.open.clear();
    this.value = undefined;
    this.update(undefined, false);
  }

  /** `mark` is false for a state that is shown for the first time. */
  update(value, mark) {
    this.changed = mark && this.value !== undefined ? changedPaths(this.value, value) : new Set(mark ? [""] : []);
    this.value = value;
    const focused = document.activeElement?.closest?.(".node-toggle")?.dataset.path;
    if (value === undefined) {
      this.element.replaceChildren(
        h(
          "div",
          { class: "panel-empty" },
          icon("braces", 26),
          h("p", { text: "No shared state yet" }),
          h("p", { class: "hint", text: "It appears here when the agent sets it, and what changes lights up." }),
        ),
      );
      return;
    }
    const head = h(
      "div",
      { class: "state-head" },
      h("span", { text: "Shared state" }),
      copyButton(() => JSON.stringify(this.value, null, 2), "Copy state"),
    );
    this.element.replaceChildren(head, h("ul", { class: "tree" }, this.#node("state", value, "", 0)));
    if (focused !== undefined)
      [...this.element.querySelectorAll(".node-toggle")].find((node) => node.dataset.path === focused)?.focus();
  }

  #node(key, value, path, depth) {
    const changed = this.changed.has(path);
    const container = value !== null && typeof value === "object";
    if (!container)
      return h(
        "li",
        { class: `node ${changed ? "changed" : ""}`, data: { path } },
        h("span", { class: "node-row" }, h("span", { class: "node-key", text: key }), leaf(value)),
      );
    const keys = Object.keys(value);
    const isOpen = this.open.get(path) ?? (depth < OPEN_DEPTH || [...this.changed].some((one) => one.startsWith(`${path}/`)));
    const size = Array.isArray(value) ? `[${keys.length}]` : `{${keys.length}}`;
    const list = h("ul", { hidden: !isOpen });
    let made = 0;
    const fill = () => {
      const next = keys.slice(made, made + CHILDREN);
      made += next.length;
      list.querySelector(":scope > .node-more")?.remove();
      list.append(...next.map((name) => this.#node(name, value[name], pointer(path, name), depth + 1)));
      if (made < keys.length)
        list.append(
          h(
            "li",
            { class: "node-more" },
            h("button", { type: "button", class: "button quiet", text: `${keys.length - made} more`, on: { click: fill } }),
          ),
        );
    };
    if (isOpen) fill();
    const toggle = h(
      "button",
      { type: "button", class: "node-toggle", "aria-expanded": String(isOpen), data: { path } },
      icon("chevron", 14),
      h("span", { class: "node-key", text: key }),
      h("span", { class: "node-size", text: size }),
    );
    toggle.addEventListener("click", () => {
      const opens = list.hidden;
      this.open.set(path, opens);
      list.hidden = !opens;
      toggle.setAttribute("aria-expanded", String(opens));
      if (opens && !made) fill();
    });
    return h("li", { class: `node ${changed ? "changed" : ""}`, data: { path } }, toggle, list);
  }
}

function leaf(value) {
  const kind = value === null ? "null" : typeof value;
  return h("span", { class: `value value-${kind}`, text: kind === "string" ? JSON.stringify(value) : String(value) });
}
