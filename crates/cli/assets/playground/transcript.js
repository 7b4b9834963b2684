// The list of messages. Only the last part of a long conversation is in the page until somebody scrolls up to the rest.

import { $, h, icon } from "./dom.js";
import { messageView } from "./message-view.js";
import { interruptView, noteView } from "./note-view.js";

/** Entries that are shown at first, and how many more each time. */
const WINDOW = 60;
/** This far from the end, in pixels, new text still moves the view. */
const NEAR = 90;

export class Transcript {
  /** `context` answers the views' questions; `empty` makes what is shown where there is nothing. */
  constructor(context, empty) {
    this.context = context;
    this.empty = empty;
    this.scroller = $("transcript");
    this.list = $("messages");
    this.views = new Map();
    this.noteElements = new Map();
    this.shown = WINDOW;
    this.pinned = true;
    this.earlier = h(
      "button",
      { type: "button", class: "button quiet earlier", on: { click: () => this.#more() } },
      icon("arrowUp", 16),
      "Show earlier messages",
    );
    this.typing = h(
      "div",
      { class: "typing" },
      h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
      h("span", { class: "typing-text" }),
    );
    this.jump = h(
      "button",
      {
        type: "button",
        class: "jump-button",
        "aria-label": "Jump to the latest message",
        title: "Jump to the latest message",
        on: {
          click: () => {
            this.toEnd(true);
            this.scroller.focus({ preventScroll: true });
          },
          blur: () => this.#offerJump(),
        },
      },
      icon("arrowDown"),
    );
    $("jump").append(this.jump);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.ready && this.#more(), {
      root: this.scroller,
      rootMargin: "300px",
    }).observe(this.earlier);
    // Pictures and panels that open change the height without a word from us.
    const sizes = new ResizeObserver(() => {
      // So wide is the bar that scrolls: the text keeps to the middle of the column with it.
      this.scroller.style.setProperty("--bar", `${this.scroller.offsetWidth - this.scroller.clientWidth}px`);
      if (this.pinned) this.toEnd();
    });
    // What stands above the field takes its room from the list's end.
    for (const part of [this.scroller, this.list]) sizes.observe(part);
  }

  /** Another thread. */
  reset() {
    this.views.clear();
    this.noteElements.clear();
    this.list.replaceChildren();
    this.shown = WINDOW;
    this.pinned = true;
    this.ready = false;
    $("jump").hidden = true;
  }

  /** Draws what has changed. */
  update(changes, { status, steps }) {
    const conversation = this.context.conversation();
    const entries = this.#entries(conversation);
    const visible = entries.slice(Math.max(0, entries.length - this.shown));
    const elements = visible.map((entry) => this.#element(entry, changes)).filter(Boolean);
    if (visible.length < entries.length) elements.unshift(this.earlier);
    for (const interrupt of status === "idle" ? conversation.interrupts : []) elements.push(this.#interrupt(interrupt));
    if (status === "running" || status === "stopping" || status === "reconnecting") {
      this.typing.lastChild.textContent =
        { stopping: "Stopping", reconnecting: "The connection was lost, connecting again" }[status] ?? steps.at(-1) ?? "";
      // A text that grows shows well enough that something goes on.
      this.typing.hidden =
        status === "running" &&
        !steps.length &&
        conversation.messages.at(-1)?.role === "assistant" &&
        Boolean(conversation.messages.at(-1).content);
      elements.push(this.typing);
    }
    if (!elements.length) elements.push(this.empty(status));
    this.#place(elements);
    if (this.pinned) this.toEnd();
    this.ready = true;
  }

  /** Messages and notes in order. A tool's result is shown in its call. */
  #entries(conversation) {
    const notes = new Map();
    for (const note of conversation.notes) {
      if (!notes.has(note.after)) notes.set(note.after, []);
      notes.get(note.after).push(note);
    }
    const entries = [...(notes.get("") ?? [])];
    for (const message of conversation.messages) {
      const inCall = message.role === "tool" && conversation.callInfo(message.toolCallId);
      const silent = message.role === "assistant" && !message.content && !message.toolCalls?.length;
      if (!inCall && !silent) entries.push(message);
      const after = notes.get(message.id);
      if (after) {
        entries.push(...after);
        // Two messages of one id: what follows them is told once.
        notes.delete(message.id);
      }
    }
    return entries;
  }

  #element(entry, changes) {
    if (entry.kind) {
      // The last one may offer to try again, for as long as it is the last one.
      const key = entry.kind === "run" ? `${entry.run.outcome}${this.context.isLast(entry)}` : String(this.context.isLast(entry));
      const known = this.noteElements.get(entry);
      const prices = this.context.prices();
      if (known?.key === key && known.prices === prices) return known.element;
      const element = noteView(entry, this.context);
      this.noteElements.set(entry, { key, prices, element });
      return element;
    }
    let view = this.views.get(entry.id);
    // A snapshot may put another kind of message in its place.
    if (!view || view.role !== entry.role) {
      view = messageView(entry, this.context);
      view.role = entry.role;
      this.views.set(entry.id, view);
    } else if (changes.all || changes.messages.has(entry.id)) view.update(entry);
    return view.element;
  }

  /** A card keeps what was typed into it, until its question is answered. */
  #interrupt(interrupt) {
    const key = `${this.context.decided(interrupt.id)?.status ?? "open"} ${interrupt.message}`;
    // By its id: the same question may be read once more from the thread.
    const place = `question ${interrupt.id}`;
    const known = this.noteElements.get(place);
    if (known?.key === key) return known.element;
    const element = interruptView(interrupt, this.context);
    this.noteElements.set(place, { key, element });
    return element;
  }

  /** Makes the children what `elements` says and touches only what is not in its place: focus and selection stay. */
  #place(elements) {
    const wanted = new Set(elements);
    for (const child of [...this.list.children]) if (!wanted.has(child)) child.remove();
    elements.forEach((element, at) => {
      if (this.list.children[at] !== element) this.list.insertBefore(element, this.list.children[at] ?? null);
    });
  }

  #more() {
    const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    this.shown += WINDOW;
    this.pinned = false;
    this.context.redraw();
    this.scroller.scrollTop = this.scroller.scrollHeight - fromEnd;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.pinned = scrollHeight - scrollTop - clientHeight < NEAR;
    this.#offerJump();
  }

  /** The way to the end, where it is not in sight. What has the focus does not vanish under it. */
  #offerJump() {
    $("jump").hidden = this.pinned && document.activeElement !== this.jump;
  }

  toEnd(byHand = false) {
    if (byHand) {
      this.pinned = true;
      // Whoever has read far back and returns has a light page again.
      if (this.shown > 3 * WINDOW) {
        this.shown = WINDOW;
        this.context.redraw();
      }
    }
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}
