// The list of threads: open, rename, archive, delete.

import { $, h, icon, iconButton } from "./dom.js";
import { confirmed, menu, toast } from "./overlays.js";

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });

export function ago(time, now = Date.now()) {
  const seconds = Math.round((new Date(time).getTime() - now) / 1000);
  if (Math.abs(seconds) < 45) return "now";
  for (const [unit, size] of [
    ["minute", 60],
    ["hour", 3600],
    ["day", 86_400],
    ["week", 604_800],
  ]) {
    const next = { minute: 3600, hour: 86_400, day: 604_800, week: 31_536_000 }[unit];
    if (Math.abs(seconds) < next) return RELATIVE.format(Math.round(seconds / size), unit);
  }
  return new Date(time).toLocaleDateString("en", { year: "numeric", month: "short" });
}

export class Threads {
  /** `onOpen(thread)` and `onGone(id)` tell the page. */
  constructor(api, { onOpen, onGone, onError, onChange }) {
    Object.assign(this, { api, onOpen, onGone, onError, onChange });
    this.all = [];
    /** `{ key, row }` of what is listed, by id. */
    this.rows = new Map();
    /** Whether it has to be said whose thread one is. */
    this.severalAgents = false;
    this.cursor = null;
    this.current = "";
    this.live = "";
    this.editing = null;
    $("threads").addEventListener("keydown", (event) => this.#keys(event));
    // Where the focus is, there it stays for the next time.
    $("threads").addEventListener("focusin", (event) => this.#reach(event.target.closest(".thread")));
    $("archived").addEventListener("change", () => this.refresh());
    $("threads-more").append(icon("chevron", 16));
    $("threads-more").addEventListener("click", () => this.#load(this.cursor));
  }

  find(id) {
    return this.all.find((thread) => thread.id === id);
  }

  async refresh() {
    await this.#load(null);
  }

  async #load(cursor) {
    try {
      // As many as are shown, so that a long list does not become short again.
      const limit = cursor ? 50 : Math.min(1000, Math.max(50, this.all.length));
      const page = await this.api.threads({ archived: $("archived").checked, cursor, limit });
      this.all = cursor ? [...this.all, ...page.threads.filter(({ id }) => !this.find(id))] : page.threads;
      this.cursor = page.nextCursor;
      this.draw();
      this.onChange();
    } catch (error) {
      this.onError(error);
    }
  }

  /** Marks the thread that is open, and whether a run goes on in it. */
  select(id, live) {
    if (id === this.current && live === this.live) return;
    this.current = id;
    this.live = live;
    for (const row of $("threads").children) this.#mark(row);
    if (!$("threads").contains(document.activeElement)) this.#reach(this.#rowOf(id));
  }

  /** One row of the list is reached by Tab, with what can be done there; the arrows lead to the others. */
  #reach(wanted) {
    const rows = [...$("threads").children];
    const reached = rows.includes(wanted) ? wanted : rows[0];
    for (const row of rows) for (const button of row.querySelectorAll("button")) button.tabIndex = row === reached ? 0 : -1;
  }

  #keys(event) {
    const row = event.target.closest(".thread");
    if (!row || event.target.matches("input")) return;
    const part = event.target.matches(".thread-menu") ? ".thread-menu" : ".thread-open";
    const rows = [...$("threads").children];
    const last = rows.length - 1;
    const at = rows.indexOf(row);
    // Down on a menu's button opens it.
    const down = part === ".thread-open" ? Math.min(at + 1, last) : undefined;
    const to = { ArrowDown: down, ArrowUp: Math.max(at - 1, 0), Home: 0, End: last, ArrowLeft: at, ArrowRight: at }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = { ArrowRight: ".thread-menu", ArrowLeft: ".thread-open" }[event.key] ?? part;
    rows[to].querySelector(next)?.focus();
  }

  #mark(row) {
    const current = row.dataset.id === this.current;
    row.classList.toggle("current", current);
    row.classList.toggle("live", current && this.live);
    const open = row.querySelector(".thread-open");
    if (current) open?.setAttribute("aria-current", "true");
    else open?.removeAttribute("aria-current");
  }

  draw() {
    // Whoever types a name keeps the field.
    if (this.editing) return;
    const focused = document.activeElement?.closest?.(".thread")?.dataset.id;
    const part = document.activeElement?.classList.contains("thread-menu") ? ".thread-menu" : ".thread-open";
    this.#place(this.all.map((thread) => this.#rowFor(thread)));
    this.#reach(this.#rowOf(focused ?? this.current));
    if (focused) this.#rowOf(focused)?.querySelector(part)?.focus();
    const empty = $("threads-empty");
    empty.hidden = this.all.length > 0;
    empty.textContent = "No threads yet. What you say begins one.";
    $("threads-more").hidden = !this.cursor;
  }

  /** The row of before where it says the same: whoever is about to press something there presses it. */
  #rowFor(thread) {
    const key = JSON.stringify([thread, this.severalAgents]);
    const known = this.rows.get(thread.id);
    const row = known?.key === key ? known.row : this.#row(thread);
    row.querySelector("time").textContent = ago(thread.lastRunAt);
    this.rows.set(thread.id, { key, row });
    return row;
  }

  #place(rows) {
    const list = $("threads");
    const wanted = new Set(rows);
    for (const row of [...list.children]) if (!wanted.has(row)) row.remove();
    rows.forEach((row, at) => {
      if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null);
    });
    for (const [id, { row }] of this.rows) if (!wanted.has(row)) this.rows.delete(id);
  }

  #rowOf(id) {
    return [...$("threads").children].find((row) => row.dataset.id === id);
  }

  #row(thread) {
    const name = title(thread);
    const open = h(
      "button",
      { type: "button", class: "thread-open", title: name, on: { click: () => this.onOpen(thread) } },
      h("span", { class: "thread-name", text: name }),
      h(
        "span",
        { class: "thread-when" },
        thread.archived && h("span", { class: "tag", text: "archived" }),
        this.severalAgents && h("span", { class: "thread-agent", text: thread.agentId, title: `Agent: ${thread.agentId}` }),
        h("time", { datetime: thread.lastRunAt }),
      ),
    );
    const more = iconButton("dots", `Actions for ${name}`, { class: "thread-menu" });
    const row = h("li", { class: `thread ${thread.archived ? "archived" : ""}`, data: { id: thread.id } }, open, more);
    menu(more, () => [
      { label: "Rename", icon: "edit", run: () => this.rename(thread) },
      thread.archived
        ? { label: "Restore", icon: "restore", run: () => this.#archive(thread, false) }
        : { label: "Archive", icon: "archive", run: () => this.#archive(thread, true) },
      { label: "Delete", icon: "trash", danger: true, run: () => this.#delete(thread) },
    ]);
    this.#mark(row);
    return row;
  }

  rename(thread) {
    const row = this.#rowOf(thread.id);
    if (!row) return;
    const input = h("input", { class: "input thread-edit", "aria-label": "Name of the thread", maxlength: 200 });
    input.value = thread.name ?? "";
    this.editing = thread.id;
    const done = async (save) => {
      if (this.editing !== thread.id) return;
      this.editing = null;
      const name = input.value.trim();
      if (save && name !== (thread.name ?? "")) {
        try {
          const changed = await this.api.changeThread(thread.id, { name: name || null });
          Object.assign(this.find(thread.id) ?? thread, changed);
        } catch (error) {
          this.onError(error);
        }
      }
      this.draw();
      this.onChange();
      this.#rowOf(thread.id)?.querySelector(".thread-menu").focus();
    };
    input.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      done(event.key === "Enter");
    });
    input.addEventListener("blur", () => done(true));
    row.replaceChildren(input);
    this.rows.delete(thread.id);
    input.focus();
    input.select();
  }

  async #archive(thread, archived) {
    try {
      if (archived) await this.api.archiveThread(thread.id);
      else await this.api.changeThread(thread.id, { archived: false });
    } catch (error) {
      return this.onError(error);
    }
    await this.refresh();
    if (archived) toast(`Archived: ${title(thread)}`, { action: { label: "Undo", run: () => this.#archive(thread, false) } });
    else toast(`Restored: ${title(thread)}`);
  }

  async #delete(thread) {
    const text = `“${title(thread)}” and all that was said in it are gone for good.`;
    if (!(await confirmed({ title: "Delete this thread?", text, action: "Delete", danger: true }))) return;
    try {
      await this.api.deleteThread(thread.id);
    } catch (error) {
      if (error.status !== 404) return this.onError(error);
    }
    toast(`Deleted: ${title(thread)}`);
    this.onGone(thread.id);
    await this.refresh();
  }
}

export const title = (thread) => thread?.name || "Untitled";
