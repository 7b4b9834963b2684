// What an agent shows while it works. Surfaces and pages are said in words and as a tree: this page draws none of them.

import { h, icon } from "./dom.js";
import { panel } from "./tool-view.js";

/** Components of a surface that are listed. */
const COMPONENTS = 300;
/** How deep they are nested in the list. */
const DEPTH = 20;

export class ActivityView {
  constructor(message) {
    this.element = h("article", { class: "message activity", "aria-label": "Activity" });
    this.update(message);
  }

  update(message) {
    const open = [...this.element.querySelectorAll("details")].map((one) => one.open);
    const { activityType: type, content } = message;
    const { title, body } = (KINDS[type] ?? other)(content ?? {}, type);
    this.element.replaceChildren(
      h(
        "details",
        { class: "thought", open: open[0] ?? false },
        h("summary", null, icon("spark", 16), h("span", { text: title }), icon("chevron", 16)),
        body,
        body &&
          h(
            "details",
            { class: "thought", open: open[1] ?? false },
            h("summary", null, h("span", { text: "As JSON" }), icon("chevron", 16)),
            panel("Content", JSON.stringify(content, null, 2)),
          ),
        !body && panel("Content", JSON.stringify(content, null, 2)),
      ),
    );
  }
}

const KINDS = {
  "a2ui-surface": (content) => {
    if (!Array.isArray(content.a2ui_operations)) return { title: `Surface (A2UI): ${state(content)}` };
    const { id, components, data } = surface(content.a2ui_operations);
    const count = `${components.size} component${components.size === 1 ? "" : "s"}`;
    const body = h("div", { class: "outline" }, tree(components), data !== undefined && panel("Data", JSON.stringify(data, null, 2)));
    return { title: `Surface "${id}" (A2UI): ${count}`, body };
  },
  "open-generative-ui": (content) => {
    const html = Array.isArray(content.html) ? content.html.join("") : "";
    const title = `Page of the agent's own: ${html.length} characters of HTML${content.generating ? ", being made" : ""}`;
    return { title, body: html && panel("HTML", html) };
  },
  "mcp-apps": (content) => ({ title: `User interface of a tool (MCP Apps): ${content.resourceUri ?? "unknown"}` }),
};

function other(_content, type) {
  return { title: `Activity: ${type}` };
}

function state({ status, progressTokens, attempt, maxAttempts, error }) {
  if (status === "retrying") return `tried again, ${attempt} of ${maxAttempts}`;
  if (status === "failed") return `failed. ${error ?? ""}`;
  return progressTokens ? `being made, about ${progressTokens} tokens` : "being made";
}

/** What the operations come to. */
function surface(operations) {
  const components = new Map();
  let id = "";
  let data;
  for (const operation of operations) {
    id = (operation?.createSurface ?? operation?.updateComponents ?? operation?.updateDataModel)?.surfaceId ?? id;
    for (const component of operation?.updateComponents?.components ?? [])
      if (typeof component?.id === "string") components.set(component.id, component);
    if (operation?.updateDataModel) data = operation.updateDataModel.value;
  }
  return { id, components, data };
}

/** The components as they contain each other, from `root` on. What contains itself is listed once. */
function tree(components) {
  let left = COMPONENTS;
  const seen = new Set();
  const node = (id, depth) => {
    const component = components.get(id);
    if (!component || seen.has(id) || depth > DEPTH || left-- <= 0) return null;
    seen.add(id);
    const children = childrenOf(component).map((child) => node(child, depth + 1)).filter(Boolean);
    const text = typeof component.text === "string" ? ` "${component.text.slice(0, 80)}"` : "";
    return h(
      "li",
      { class: "node" },
      h("span", { class: "node-row" }, h("span", { class: "node-key", text: String(component.component) }), ` ${id}${text}`),
      children.length > 0 && h("ul", null, children),
    );
  };
  return h("ul", { class: "tree" }, node("root", 0));
}

function childrenOf({ child, children }) {
  const ids = [child, ...(Array.isArray(children) ? children : [children])];
  return ids.map((one) => one?.componentId ?? one).filter((one) => typeof one === "string");
}
