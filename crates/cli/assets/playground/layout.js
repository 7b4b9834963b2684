// Where things are: the two side panels, which lie over the chat on small screens.

import { $, iconButton } from "./dom.js";

const NARROW = matchMedia("(max-width: 860px)");
const MEDIUM = matchMedia("(max-width: 1140px)");

export class Layout {
  constructor() {
    this.opener = null;
    this.sidebarButton = iconButton("menu", "Show threads", {
      class: "only-narrow",
      "aria-controls": "sidebar",
      on: { click: () => this.toggle("sidebar") },
    });
    this.inspectorButton = iconButton("panel", "Inspector", {
      "aria-controls": "inspector",
      on: { click: () => this.toggle("inspector") },
    });
    $("head-left").append(this.sidebarButton);
    $("sidebar")
      .querySelector(".sidebar-close")
      .append(iconButton("close", "Close the list", { class: "only-narrow", on: { click: () => this.close("sidebar") } }));
    this.open = { sidebar: false, inspector: !MEDIUM.matches };
    $("backdrop").addEventListener("click", () => this.closeOver());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open], .menu")) this.closeOver();
    });
    for (const query of [NARROW, MEDIUM])
      query.addEventListener("change", () => {
        this.open = { sidebar: false, inspector: !MEDIUM.matches };
        this.apply();
      });
    this.apply();
  }

  /** Whether the panel lies over the chat. */
  #over(name) {
    return name === "sidebar" ? NARROW.matches : MEDIUM.matches;
  }

  show(name) {
    if (!this.open[name]) this.toggle(name);
  }

  toggle(name) {
    if (this.open[name]) return this.close(name);
    this.opener = document.activeElement;
    this.open[name] = true;
    if (this.#over(name)) this.open[name === "sidebar" ? "inspector" : "sidebar"] = false;
    this.apply();
    if (this.#over(name)) $(name).querySelector("button:not([tabindex='-1']), select:not([disabled]), a[href]")?.focus();
  }

  close(name) {
    this.open[name] = false;
    const inside = $(name).contains(document.activeElement);
    this.apply();
    if (inside) (this.opener?.isConnected ? this.opener : name === "sidebar" ? this.sidebarButton : this.inspectorButton).focus();
  }

  /** Closes what lies over the chat. */
  closeOver() {
    for (const name of ["inspector", "sidebar"]) if (this.open[name] && this.#over(name)) this.close(name);
  }

  apply() {
    const sidebar = !NARROW.matches || this.open.sidebar;
    const covered = (this.open.sidebar && NARROW.matches) || (this.open.inspector && MEDIUM.matches);
    const app = $("app");
    app.classList.toggle("sidebar-open", this.open.sidebar);
    app.classList.toggle("inspector-open", this.open.inspector);
    // What is out of sight, or behind a panel, cannot be reached by keyboard either.
    $("sidebar").inert = !sidebar || (covered && !(this.open.sidebar && NARROW.matches));
    $("inspector").inert = !this.open.inspector;
    $("chat").inert = covered;
    $("backdrop").hidden = !covered;
    this.sidebarButton.setAttribute("aria-expanded", String(this.open.sidebar));
    this.inspectorButton.setAttribute("aria-expanded", String(this.open.inspector));
    this.inspectorButton.classList.toggle("on", this.open.inspector);
  }
}
