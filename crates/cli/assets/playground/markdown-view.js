// A Markdown tree as elements, and a view of a text that grows.

import { copyButton, h, icon } from "./dom.js";
import { parse } from "./markdown.js";

function nodes(list) {
  return list.map((node) => {
    switch (node.type) {
      case undefined:
        return node.text;
      case "break":
        return h("br");
      case "code":
        return h("code", { text: node.text });
      case "image":
        return h("img", { src: node.src, alt: node.alt, loading: "lazy" });
      case "link": {
        // The page that is opened learns nothing of this one, and cannot reach back to it.
        const props = { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow", title: node.href };
        return h("a", props, node.picture && icon("arrowUp", 13), nodes(node.children));
      }
      case "em":
        return h("em", null, nodes(node.children));
      case "strong":
        return h("strong", null, nodes(node.children));
      case "strike":
        return h("s", null, nodes(node.children));
      default:
        return h("span", null, nodes(node.children));
    }
  });
}

function block(node) {
  switch (node.type) {
    // The page's own headings stand above those of a message.
    case "heading":
      return h(`h${Math.min(node.level + 2, 6)}`, { class: `h${node.level}` }, nodes(node.children));
    case "rule":
      return h("hr");
    case "code":
      return codeBlock(node.text, node.language);
    case "quote":
      return h("blockquote", null, node.children.map(block));
    case "list":
      return list(node);
    case "table":
      return table(node);
    default:
      return h("p", null, nodes(node.children));
  }
}

export function codeBlock(text, language = "") {
  const code = h("code", { text });
  const copy = copyButton(() => code.textContent, "Copy code");
  // What overflows can be scrolled by keyboard.
  const body = h("pre", { tabindex: 0, "aria-label": language ? `Code in ${language}` : "Code", role: "group" }, code);
  return h("div", { class: "code-block" }, h("div", { class: "code-head" }, h("span", { text: language || "text" }), copy), body);
}

function list(node) {
  const items = node.items.map(({ checked, children }) => {
    const content = children.map((child) =>
      // In a tight list paragraphs have no room around them.
      child.type === "paragraph" && !node.loose ? h("span", { class: "tight" }, nodes(child.children)) : block(child),
    );
    if (checked === null) return h("li", null, content);
    const box = h(
      "span",
      { class: `task ${checked ? "done" : ""}`, role: "img", "aria-label": checked ? "done" : "not done" },
      checked && icon("check", 12),
    );
    return h("li", { class: "task-item" }, box, h("div", null, content));
  });
  return node.ordered ? h("ol", { start: node.start === 1 ? null : node.start }, items) : h("ul", null, items);
}

function table(node) {
  const cell = (tag) => (children, column) =>
    h(
      tag,
      { class: node.align[column] && `align-${node.align[column]}`, ...(tag === "th" && { scope: "col" }) },
      nodes(children),
    );
  const rows = node.rows.map((row) => h("tr", null, row.map(cell("td"))));
  const body = h("table", null, h("thead", null, h("tr", null, node.head.map(cell("th")))), h("tbody", null, rows));
  return h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table" }, body);
}

/** Shows a text that grows at its end: only what its last block has become is made anew. */
export class MarkdownView {
  constructor() {
    this.element = h("div", { class: "markdown" });
    this.text = "";
    /** `{ at, element, node }` of each block. */
    this.blocks = [];
  }

  update(text) {
    if (text === this.text) return;
    const grows = text.length > this.text.length && text.startsWith(this.text);
    const last = grows ? this.blocks.at(-1) : undefined;
    this.text = text;
    if (!last) {
      for (const { element } of this.blocks.splice(0)) element.remove();
      this.#add(parse(text), 0);
      return;
    }
    const fresh = parse(text.slice(last.at));
    const [first] = fresh;
    // A long listing is not rebuilt for each line, so that what is selected in it stays.
    if (first?.type === "code" && last.node.type === "code" && first.language === last.node.language) {
      last.element.querySelector("code").textContent = first.text;
      last.node = first;
      this.#add(fresh.slice(1), last.at);
      return;
    }
    last.element.remove();
    this.blocks.pop();
    this.#add(fresh, last.at);
  }

  #add(fresh, offset) {
    for (const node of fresh) {
      const element = block(node);
      this.blocks.push({ at: offset + node.at, element, node });
      this.element.append(element);
    }
  }
}
