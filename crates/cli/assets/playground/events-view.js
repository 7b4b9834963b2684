// The raw events of the thread with their times. Only the rows that can be seen are in the page, so that tens of
// thousands of events cost nothing.

import { copyButton, h, icon } from "./dom.js";
import { duration } from "./usage.js";

/** Height of a row in pixels, as the style sheet has it. */
const ROW = 30;

const KINDS = {
  "": "All events",
  run: "Runs and steps",
  text: "Text",
  tool: "Tools",
  reasoning: "Reasoning",
  state: "State",
  other: "Others",
};

export function kindOf(type) {
  if (/^(RUN|STEP|SUBAGENT)_/.test(type)) return "run";
  if (/^(TEXT_MESSAGE|MESSAGES)_/.test(type)) return "text";
  if (type.startsWith("TOOL_CALL_")) return "tool";
  if (type.startsWith("REASONING_")) return "reasoning";
  if (type.startsWith("STATE_")) return "state";
  return "other";
}

export class EventsView {
  constructor() {
    this.kind = "";
    this.words = "";
    this.selected = null;
    this.rows = [];
    this.pinned = true;
    const select = h(
      "select",
      { "aria-label": "Kind of event" },
      Object.entries(KINDS).map(([value, text]) => h("option", { value, text })),
    );
    select.addEventListener("change", () => this.#filter({ kind: select.value }));
    const search = h("input", { type: "search", class: "input", placeholder: "Search", "aria-label": "Search in events" });
    search.addEventListener("input", () => this.#filter({ words: search.value.trim().toLowerCase() }));
    this.count = h("p", { class: "events-count" });
    this.space = h("div", { class: "events-space" });
    this.scroller = h("div", { class: "events-scroll", tabindex: 0, role: "listbox", "aria-label": "Events" }, this.space);
    this.scroller.addEventListener(
      "scroll",
      () => {
        const { scrollHeight, scrollTop, clientHeight } = this.scroller;
        this.pinned = scrollHeight - scrollTop - clientHeight < ROW * 2;
        this.#draw();
      },
      { passive: true },
    );
    this.scroller.addEventListener("keydown", (event) => this.#keys(event));
    this.detail = h("div", { class: "event-detail", hidden: true });
    this.element = h(
      "div",
      { class: "events-view" },
      h("div", { class: "events-tools" }, h("div", { class: "select" }, select), search),
      this.count,
      this.scroller,
      this.detail,
    );
    new ResizeObserver(() => this.#draw()).observe(this.scroller);
  }

  reset() {
    this.selected = null;
    this.detail.hidden = true;
    this.pinned = true;
  }

  #filter(change) {
    Object.assign(this, change);
    this.pinned = false;
    this.scroller.scrollTop = 0;
    this.update(this.conversation);
  }

  update(conversation) {
    this.conversation = conversation;
    // Nobody looks: the rows are made when the panel is opened.
    if (!this.element.isConnected || !this.element.offsetParent) return;
    const { events, droppedEvents } = conversation;
    this.rows = this.kind || this.words ? events.filter((entry) => this.#matches(entry.event)) : events;
    const all = events.length + droppedEvents;
    this.count.textContent = `${this.rows.length === all ? "" : `${this.rows.length} of `}${all} ${all === 1 ? "event" : "events"}`;
    this.space.style.height = `${this.rows.length * ROW}px`;
    if (this.pinned) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#draw();
  }

  #matches(event) {
    if (this.kind && kindOf(event.type) !== this.kind) return false;
    return !this.words || JSON.stringify(event).toLowerCase().includes(this.words);
  }

  #draw() {
    const from = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 5);
    const to = Math.min(this.rows.length, from + Math.ceil(this.scroller.clientHeight / ROW) + 10);
    this.space.replaceChildren(...this.rows.slice(from, to).map((entry, i) => this.#row(entry, from + i)));
    if (!this.rows.length)
      this.space.replaceChildren(
        h(
          "div",
          { class: "panel-empty" },
          icon("code", 26),
          h("p", { text: this.kind || this.words ? "No event matches" : "No events yet" }),
        ),
      );
    const at = this.rows.indexOf(this.selected);
    if (at >= from && at < to) this.scroller.setAttribute("aria-activedescendant", `event-${at}`);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  #row(entry, at) {
    const { event, ms } = entry;
    const row = h(
      "div",
      {
        class: "event-row",
        id: `event-${at}`,
        role: "option",
        "aria-selected": String(entry === this.selected),
        data: { kind: kindOf(event.type) },
      },
      h("span", { class: "event-time", text: ms === null ? "stored" : `+${duration(ms)}` }),
      h("span", { class: "event-type", text: event.type }),
      h("span", { class: "event-what", text: what(event) }),
    );
    row.style.top = `${at * ROW}px`;
    row.addEventListener("click", () => this.#select(entry === this.selected ? null : entry));
    return row;
  }

  #select(entry) {
    this.selected = entry;
    this.detail.hidden = !entry;
    if (entry) {
      const code = h("code", { text: JSON.stringify(entry.event, null, 2) });
      this.detail.replaceChildren(
        h(
          "div",
          { class: "panel" },
          h(
            "div",
            { class: "panel-head" },
            h("span", { text: entry.event.type }),
            copyButton(() => code.textContent, "Copy event"),
          ),
          h("pre", { tabindex: 0, role: "group", "aria-label": "Event" }, code),
        ),
      );
    }
    this.#draw();
  }

  #keys(event) {
    const at = this.rows.indexOf(this.selected);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.rows.length - 1 }[event.key];
    if (event.key === "Escape" && this.selected) this.#select(null);
    else if (to === undefined || !this.rows.length) return;
    else {
      const next = Math.max(0, Math.min(to, this.rows.length - 1));
      const top = next * ROW;
      if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
      else if (top + ROW > this.scroller.scrollTop + this.scroller.clientHeight)
        this.scroller.scrollTop = top + ROW - this.scroller.clientHeight;
      this.#select(this.rows[next]);
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The word of an event that tells it from others of its type. */
function what(event) {
  const text =
    event.delta ??
    event.toolCallName ??
    event.stepName ??
    event.message ??
    event.content ??
    event.snapshot ??
    event.name ??
    event.activityType ??
    event.outcome?.type ??
    event.runId ??
    "";
  const line = typeof text === "string" ? text : JSON.stringify(text);
  return line.slice(0, 200).replace(/\s+/g, " ");
}
