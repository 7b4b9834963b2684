// The raw events of the thread with their times. Only the rows that can be seen are in the page, so that tens of
// thousands of events cost nothing.

import { copyButton, h, icon } from "./dom.js";
import { KINDS, joined, kindOf, rowsOf } from "./event-rows.js";
import { count, duration } from "./usage.js";

/** Height of a row in pixels, as the style sheet has it. */
const ROW = 30;

export class EventsView {
  constructor() {
    this.kind = "";
    this.words = "";
    /** A row, by its entry and by what it is a part of. */
    this.selected = null;
    /** The first entries of texts whose parts are shown. */
    this.open = new Set();
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
    this.open.clear();
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
    const { rows, counted } = rowsOf(events, this);
    this.rows = rows;
    const all = events.length + droppedEvents;
    this.count.textContent = `${counted === all ? "" : `${count(counted)} of `}${count(all)} ${all === 1 ? "event" : "events"}`;
    this.space.style.height = `${this.rows.length * ROW}px`;
    if (this.pinned) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#draw();
  }

  #draw() {
    const from = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 5);
    const to = Math.min(this.rows.length, from + Math.ceil(this.scroller.clientHeight / ROW) + 10);
    const chosen = this.#at();
    this.space.replaceChildren(...this.rows.slice(from, to).map((row, i) => this.#row(row, from + i, from + i === chosen)));
    if (!this.rows.length)
      this.space.replaceChildren(
        h(
          "div",
          { class: "panel-empty" },
          icon("code", 26),
          h("p", { text: this.kind || this.words ? "No event matches" : "No events yet" }),
        ),
      );
    if (chosen >= from && chosen < to) this.scroller.setAttribute("aria-activedescendant", `event-${chosen}`);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  /** Where the selected row is now; -1 where it is not shown. */
  #at() {
    const { entry, of } = this.selected ?? {};
    return entry ? this.rows.findIndex((row) => row.entry === entry && row.of === of) : -1;
  }

  #row(row, at, chosen) {
    const { entry, parts, of, begins } = row;
    const { event, ms } = entry;
    const opened = this.open.has(entry);
    const element = h(
      "div",
      {
        class: `event-row ${begins ? "begins" : ""} ${of ? "part" : ""}`,
        id: `event-${at}`,
        role: "option",
        "aria-selected": String(chosen),
        "aria-label": parts && `${event.type}, ${parts.length} events, ${opened ? "opened" : "closed"}`,
        data: { kind: kindOf(event.type) },
      },
      h("span", { class: "event-time", text: ms === null ? "stored" : `+${duration(ms)}` }),
      // The row above the parts says what they are.
      !of && h("span", { class: "event-type", text: event.type }),
      parts && h("span", { class: `event-parts ${opened ? "open" : ""}` }, icon("chevron", 12), `×${parts.length} · ${size(joined(parts))}`),
      h("span", { class: "event-what", text: what(event, parts) }),
    );
    element.style.top = `${at * ROW}px`;
    element.addEventListener("click", (press) => {
      if (parts && press.target.closest(".event-parts")) return this.#fold(row, !opened);
      this.#select(chosen ? null : row);
    });
    return element;
  }

  /** Shows the parts of a row, or takes them away. */
  #fold(row, opens) {
    if (opens) this.open.add(row.entry);
    else this.open.delete(row.entry);
    this.pinned = false;
    this.#select(row);
    this.update(this.conversation);
  }

  #select(row) {
    this.selected = row && { entry: row.entry, of: row.of };
    this.detail.hidden = !row;
    if (row) {
      const { event } = row.entry;
      const text = row.parts ? joined(row.parts) : JSON.stringify(event, null, 2);
      const code = h("code", { text });
      const title = row.parts ? `${event.type} ×${row.parts.length}, together` : event.type;
      this.detail.replaceChildren(
        h(
          "div",
          { class: "panel" },
          h(
            "div",
            { class: "panel-head" },
            h("span", { text: title }),
            copyButton(() => code.textContent, "Copy event"),
          ),
          h("pre", { tabindex: 0, role: "group", "aria-label": "Event" }, code),
        ),
      );
    }
    this.#draw();
  }

  #keys(event) {
    const at = this.#at();
    const row = this.rows[at];
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.rows.length - 1 }[event.key];
    if (event.key === "Escape" && row) this.#select(null);
    else if (event.key === "ArrowRight" && row?.parts) this.#fold(row, true);
    else if (event.key === "ArrowLeft" && row?.parts) this.#fold(row, false);
    else if (event.key === "ArrowLeft" && row?.of) this.#fold(this.rows.find(({ entry, parts }) => parts && entry === row.of), false);
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

const UTF8 = new TextEncoder();

function size(text) {
  const bytes = UTF8.encode(text).length;
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}

/** The word of an event that tells it from others of its type. */
function what(event, parts) {
  const text =
    (parts ? joined(parts.slice(0, 50)) : event.delta) ??
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
