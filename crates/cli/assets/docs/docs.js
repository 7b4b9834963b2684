// The description of the routes, from openapi.json of this server.

import { $, copyButton, h, icon } from "../playground/dom.js";
import { themeButton } from "../playground/theme.js";
import { body, curl } from "./example.js";
import { prose, schemaView, typeName } from "./schema-view.js";

const GROUPS = [
  ["Agents and runs", (path) => path === "/" || path === "/info" || path.startsWith("/agent/") || path === "/transcribe"],
  ["Threads", (path) => path.startsWith("/threads")],
  ["The server", (path) => ["/health", "/ready", "/metrics"].includes(path) || path.startsWith("/cpk-")],
  ["For clients of a platform", () => true],
];
const METHODS = ["get", "post", "put", "patch", "delete"];

/** Every operation: `{ id, method, path, operation, parameters, server }`. */
function operations(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      id: item[method].operationId,
      method: method.toUpperCase(),
      path,
      operation: item[method],
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])],
      server: new URL((item.servers ?? document.servers)[0].url, window.document.baseURI).href.replace(/\/$/, ""),
    })),
  );
}

/** A path that may be broken behind its slashes. */
const route = (path) => path.split(/(?<=\/)/).flatMap((part, at) => (at ? [h("wbr"), part] : [part]));

const badge = (method) => h("span", { class: `method method-${method.toLowerCase()}`, text: method });

function operationView(document, one) {
  const { operation } = one;
  const request = operation.requestBody;
  const section = h(
    "section",
    { class: "operation", id: `op-${one.id}`, "aria-labelledby": `title-${one.id}` },
    h("h3", { id: `title-${one.id}` }, operation.summary),
    h(
      "p",
      { class: "address" },
      badge(one.method),
      h("code", { text: one.path === "/" ? "(the base path)" : one.path }),
      copyButton(() => one.server + (one.path === "/" ? "" : one.path), "Copy address"),
    ),
    operation.description && h("p", null, prose(operation.description)),
    one.parameters.length > 0 && parameters(document, one.parameters),
  );
  if (request) {
    section.append(
      h("h4", null, "Body", h("span", { class: "soft", text: request.required ? "" : " (may be left out)" })),
      ...contents(document, request.content),
    );
  }
  section.append(
    example(document, one),
    h("h4", { text: "Answers" }),
    ...Object.entries(operation.responses).map(([status, response]) => answer(document, status, response)),
  );
  return section;
}

function parameters(document, list) {
  const row = (one) =>
    h(
      "tr",
      null,
      h(
        "th",
        { scope: "row" },
        h("code", { text: one.name }),
        one.required && h("span", { class: "required", text: "required" }),
      ),
      h("td", { text: one.in }),
      h("td", null, typeName(document, one.schema)),
      h("td", null, prose(one.description ?? "")),
    );
  return h(
    "div",
    { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Parameters" },
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ["Name", "In", "Type", "Meaning"].map((text) => h("th", { scope: "col", text })),
        ),
      ),
      h("tbody", null, list.map(row)),
    ),
  );
}

function contents(document, content) {
  return Object.entries(content).map(([type, { schema }]) =>
    h("div", { class: "media" }, h("p", { class: "soft", text: type }), schemaView(document, schema)),
  );
}

function answer(document, status, { description, content, headers }) {
  const good = status < 400;
  return h(
    "details",
    { class: "response", open: good },
    h(
      "summary",
      null,
      h("span", { class: `status ${good ? "good" : "bad"}`, text: status }),
      h("span", null, prose(description)),
      icon("chevron", 14),
    ),
    headers &&
      h(
        "ul",
        { class: "headers" },
        Object.entries(headers).map(([name, header]) =>
          h("li", null, h("code", { text: name }), " ", prose(header.description ?? "")),
        ),
      ),
    ...contents(document, content ?? {}),
  );
}

function example(document, one) {
  const code = h("code", { text: curl(one, body(document, one)) });
  return h(
    "details",
    { class: "example" },
    h("summary", null, icon("chevron", 14), "Example for curl"),
    h(
      "div",
      { class: "code-block" },
      h(
        "div",
        { class: "code-head" },
        h("span", { text: "sh" }),
        copyButton(() => code.textContent, "Copy example"),
      ),
      h("pre", { tabindex: 0, role: "group", "aria-label": "Example for curl" }, code),
    ),
  );
}

function render(document) {
  const all = operations(document);
  const left = new Set(all);
  const content = $("content");
  const links = [];
  content.append(
    h("h1", { text: document.info.title }),
    h("p", { class: "lead" }, prose(document.info.description)),
    h(
      "p",
      { class: "lead" },
      "Base paths of this server: ",
      document.servers.map(({ url }, at) => [at > 0 && ", ", h("code", { text: new URL(url, window.document.baseURI).href })]),
      ". Version ",
      document.info.version,
      ".",
    ),
  );
  for (const [title, belongs] of GROUPS) {
    const group = [...left].filter(({ path }) => belongs(path));
    for (const one of group) left.delete(one);
    if (!group.length) continue;
    content.append(h("div", { class: "group" }, h("h2", { text: title }), group.map((one) => operationView(document, one))));
    links.push(
      h("h2", { text: title }),
      h(
        "ul",
        null,
        group.map((one) =>
          h(
            "li",
            {
              data: {
                words: `${one.method} ${one.path} ${one.operation.summary} ${one.operation.description ?? ""}`.toLowerCase(),
              },
            },
            h(
              "a",
              { href: `#op-${one.id}`, data: { target: `op-${one.id}` } },
              badge(one.method),
              h("span", { class: "route" }, one.path === "/" ? "(base path)" : route(one.path)),
            ),
          ),
        ),
      ),
    );
  }
  const names = Object.keys(document.components.schemas);
  content.append(
    h(
      "div",
      { class: "group" },
      h("h2", { text: "Types" }),
      names.map((name) =>
        h(
          "section",
          { class: "type", id: `type-${name}`, "aria-labelledby": `title-type-${name}` },
          h("h3", { id: `title-type-${name}` }, h("code", { text: name })),
          schemaView(document, document.components.schemas[name]),
        ),
      ),
    ),
  );
  links.push(
    h("h2", { text: "Types" }),
    h(
      "ul",
      null,
      names.map((name) =>
        h(
          "li",
          { data: { words: name.toLowerCase() } },
          h("a", { href: `#type-${name}`, data: { target: `type-${name}` } }, h("span", { class: "route", text: name })),
        ),
      ),
    ),
  );
  $("contents").append(...links);
}

/** Leaves what has the words in it, in the contents and beside them; a heading goes with the last of its group. */
function search(words) {
  for (const list of $("contents").querySelectorAll("ul")) {
    for (const item of list.children) item.hidden = !words.split(/\s+/).every((word) => item.dataset.words.includes(word));
    const none = [...list.children].every((item) => item.hidden);
    list.hidden = none;
    list.previousElementSibling.hidden = none;
  }
  for (const link of $("contents").querySelectorAll("a")) $(link.dataset.target).hidden = link.closest("li").hidden;
  const groups = [...$("content").querySelectorAll(".group")];
  for (const group of groups) group.hidden = !group.querySelector("section:not([hidden])");
  nothing.hidden = groups.some((group) => !group.hidden);
}

const nothing = h("p", { class: "lead", role: "status", hidden: true, text: "No route and no type has these words." });

$("top-links").append(themeButton());
try {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  render(await response.json());
  $("content").append(nothing);
  $("search").addEventListener("input", (event) => search(event.target.value.trim().toLowerCase()));
  // The place that the address names was not there before.
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
} catch (error) {
  $("content").append(
    h("p", { class: "form-error", role: "alert" }, icon("error", 16), `The description cannot be read: ${error.message}.`),
  );
}
