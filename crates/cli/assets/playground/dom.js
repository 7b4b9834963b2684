// Making elements. Nothing in these files writes HTML as text: what agents and people say becomes text nodes only.

/**
 * An element. `on` holds listeners, `data` the dataset, `text` the text; other members are attributes, left out where
 * they are null, undefined or false.
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

// Strokes on a 24 by 24 grid.
const ICONS = {
  archive: "M3 5h18v4H3zM5 9v10h14V9M10 13h4",
  arrowDown: "M12 5v14M6 13l6 6 6-6",
  arrowUp: "M12 19V5M6 11l6-6 6 6",
  braces: "M9 4H8a2 2 0 0 0-2 2v4l-2 2 2 2v4a2 2 0 0 0 2 2h1M15 4h1a2 2 0 0 1 2 2v4l2 2-2 2v4a2 2 0 0 1-2 2h-1",
  brain: "M9 21h6M10 18h4M12 3a6 6 0 0 0-4 10.5c.8.8 1.4 1.6 1.5 2.5h5c.1-.9.7-1.7 1.5-2.5A6 6 0 0 0 12 3z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevron: "M9 6l6 6-6 6",
  clip: "M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1l8.5-8.5a3.4 3.4 0 0 1 4.8 4.8l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.8-7.8",
  close: "M6 6l12 12M18 6L6 18",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  document: "M6 3h8l4 4v14H6zM14 3v4h4M9 13h6M9 17h6",
  dots: "M5 12h.01M12 12h.01M19 12h.01",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  error: "M12 8v5M12 16.5h.01M12 3l9.5 17h-19z",
  key: "M15 9h.01M14 14a5 5 0 1 0-4.6-3L3 17.5V21h3.5v-2H9v-2.5h2z",
  menu: "M4 7h16M4 12h16M4 17h16",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  panel: "M4 5h16v14H4zM14.5 5v14",
  plus: "M12 5v14M5 12h14",
  question: "M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.5-1.1 1-1.1 1.8M12 16.5h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  restore: "M4 9h11a5 5 0 0 1 0 10h-4M8 5L4 9l4 4",
  spark: "M12 3l1.9 5.6L19.5 10.5l-5.6 1.9L12 18l-1.9-5.6L4.5 10.5l5.6-1.9zM19 16v4M17 18h4",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  tool: "M14.5 6.5a4 4 0 0 1 5-1.3l-2.7 2.7 1.3 1.3 2.7-2.7a4 4 0 0 1-5.3 5.3L8 19.3a2 2 0 0 1-2.8-2.8l7.5-7.5a4 4 0 0 1 1.8-2.5z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  book: "M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2zM5 18a2 2 0 0 1 2-2h12",
};

/** A picture beside words: not read aloud. */
export function icon(name, size = 18) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 24 24",
    width: size,
    height: size,
    fill: "none",
    stroke: "currentColor",
    "stroke-width": name === "dots" ? 3 : 1.8,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
    class: `icon icon-${name}`,
  }))
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only a picture; `label` is its name, and what hovering shows. */
export function iconButton(name, label, props = {}) {
  const { class: extra = "", ...rest } = props;
  return h(
    "button",
    { type: "button", class: `icon-button ${extra}`.trim(), "aria-label": label, title: label, ...rest },
    icon(name),
  );
}

/** Puts text on the clipboard, also on pages that came without TLS, which have no clipboard of their own. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: -1 });
  area.value = text;
  const focused = document.activeElement;
  // Inside of an open dialog nothing outside of it can be selected.
  (focused?.closest("dialog") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus?.();
  if (!done) throw new Error("the browser does not let this page copy");
}

/** A button that copies what `text` gives and says so for a moment. */
export function copyButton(text, label = "Copy", props = {}) {
  const button = iconButton("copy", label, props);
  let timer;
  button.addEventListener("click", async () => {
    let shown = "check";
    try {
      await copyText(text());
    } catch {
      shown = "error";
    }
    button.replaceChildren(icon(shown));
    announce(shown === "check" ? "Copied" : "Copying is not possible here");
    clearTimeout(timer);
    timer = setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  });
  return button;
}

let announced;
/** Says something to those who do not see the page. */
export function announce(text) {
  const region = $("announcer");
  clearTimeout(announced);
  // The same words twice in a row are read twice only when the region was empty between.
  region.textContent = "";
  announced = setTimeout(() => (region.textContent = text), 50);
}

/** A new id for threads, runs and messages. `randomUUID` is not there on pages that came without TLS. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
