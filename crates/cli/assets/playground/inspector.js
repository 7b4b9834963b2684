// The panel at the side: state, events, and what is sent along with runs.

import { $, h, iconButton } from "./dom.js";
import { EventsView } from "./events-view.js";
import { SetupView } from "./setup-view.js";
import { StateView } from "./state-view.js";
import { count, money, total } from "./usage.js";

const TABS = [
  ["state", "State"],
  ["events", "Events"],
  ["setup", "Setup"],
];

export class Inspector {
  constructor({ onClose, onState, onValid }) {
    this.state = new StateView();
    this.events = new EventsView();
    this.setup = new SetupView(onState, onValid);
    this.tabs = new Map();
    this.panels = new Map();
    this.totals = h("div", { class: "totals", hidden: true });
    const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Inspector" });
    for (const [id, label] of TABS) {
      const tab = h("button", {
        type: "button",
        role: "tab",
        id: `tab-${id}`,
        "aria-controls": `panel-${id}`,
        text: label,
        on: { click: () => this.show(id) },
      });
      this.tabs.set(id, tab);
      this.panels.set(
        id,
        h(
          "div",
          { class: "inspector-panel", role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}` },
          this[id].element,
        ),
      );
      list.append(tab);
    }
    list.addEventListener("keydown", (event) => {
      const ids = TABS.map(([id]) => id);
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.show(ids[(ids.indexOf(this.tab) + step + ids.length) % ids.length]);
      this.tabs.get(this.tab).focus();
    });
    $("inspector").append(
      h("div", { class: "inspector-head" }, list, iconButton("close", "Close the inspector", { on: { click: onClose } })),
      ...this.panels.values(),
      this.totals,
    );
    this.show("state");
  }

  show(id) {
    this.tab = id;
    for (const [name, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(name === id));
      tab.tabIndex = name === id ? 0 : -1;
      this.panels.get(name).hidden = name !== id;
    }
    if (this.conversation) this.events.update(this.conversation);
  }

  reset() {
    this.state.reset();
    this.events.reset();
  }

  update(conversation, changes, prices) {
    this.conversation = conversation;
    // What lights up goes on doing so until the state is another one.
    if (changes.state) this.state.update(conversation.state, changes.live);
    if (changes.events || changes.all) this.events.update(conversation);
    if (changes.run || changes.all) this.#totals(conversation, prices);
  }

  /** Of all runs of the thread together. */
  #totals({ runs }, prices) {
    const used = total(
      runs.flatMap((run) => run.usage ?? []),
      prices,
    );
    this.totals.hidden = !runs.length;
    const parts = [`${runs.length} ${runs.length === 1 ? "run" : "runs"}`];
    if (used) parts.push(`tokens: ${count(used.input)} in, ${count(used.output)} out`);
    if (used && used.cost !== null) parts.push(money(used.cost));
    this.totals.textContent = parts.join(" · ");
  }
}
