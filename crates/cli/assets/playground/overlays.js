// What lies over the page: dialogs, menus, short messages.

import { unsendable } from "./api.js";
import { $, h, icon, iconButton } from "./dom.js";

/** Opens a modal dialog and settles with what `close` was called with, or undefined. */
export function dialog({ title, body, actions, className = "", dismissible = true }) {
  return new Promise((settle) => {
    const element = h("dialog", { class: `dialog ${className}`.trim(), "aria-labelledby": "dialog-title" });
    let result;
    const close = (value) => {
      result = value;
      element.close();
    };
    const form = h(
      "form",
      { method: "dialog", class: "dialog-form", on: { submit: (event) => event.preventDefault() } },
      h(
        "header",
        { class: "dialog-head" },
        h("h2", { id: "dialog-title", text: title }),
        dismissible && iconButton("close", "Close", { on: { click: () => close() } }),
      ),
      h("div", { class: "dialog-body" }, body),
      actions && h("footer", { class: "dialog-actions" }, actions(close)),
    );
    element.append(form);
    element.addEventListener("cancel", (event) => !dismissible && event.preventDefault());
    if (dismissible) element.addEventListener("click", (event) => event.target === element && close());
    element.addEventListener("close", () => {
      element.remove();
      settle(result);
    });
    document.body.append(element);
    element.showModal();
    element.querySelector("[autofocus]")?.focus();
  });
}

export function confirmed({ title, text, action, danger = false }) {
  return dialog({
    title,
    className: "small",
    body: h("p", { text }),
    actions: (close) => [
      h("button", { type: "button", class: "button", text: "Cancel", on: { click: () => close(false) } }),
      h("button", {
        type: "submit",
        class: `button ${danger ? "danger" : "primary"}`,
        autofocus: true,
        text: action,
        on: { click: () => close(true) },
      }),
    ],
  }).then(Boolean);
}

/**
 * Asks for a token until there is one that is taken. `refused` is what was wrong with the last one; `tried` asks the
 * server about one and gives what is wrong with it, or null.
 */
export function askToken({ refused, tried }) {
  const input = h("input", {
    type: "password",
    class: "input",
    id: "token",
    autocomplete: "off",
    spellcheck: "false",
    autofocus: true,
    "aria-required": "true",
    "aria-describedby": "token-error token-hint",
  });
  const wrong = h("p", { class: "form-error", id: "token-error", role: "alert" });
  const say = (text) => wrong.replaceChildren(...(text ? [icon("error", 16), text] : []));
  say(refused);
  const button = h("button", { type: "submit", class: "button primary", text: "Continue" });
  const enter = async (close) => {
    // Whoever copied the whole header meant the token in it.
    const value = input.value.trim().replace(/^(authorization:\s*)?bearer\s+/i, "");
    if (!value || button.disabled) return;
    button.disabled = true;
    const problem = notToken(value) ?? (await tried(value));
    button.disabled = false;
    if (!problem) return close(value);
    say(problem);
    input.focus();
    input.select();
  };
  return dialog({
    title: "This server wants a token",
    className: "small",
    dismissible: false,
    body: [
      wrong,
      h("label", { class: "field-label", for: "token", text: "Token" }),
      input,
      h("p", {
        class: "hint",
        id: "token-hint",
        text: "It is sent as Authorization: Bearer, to this server alone, and forgotten when the tab is closed.",
      }),
    ],
    actions: (close) => {
      button.addEventListener("click", () => enter(close));
      return button;
    },
  });
}

function notToken(text) {
  const found = unsendable(text);
  if (found === null) return null;
  const code = `U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return `This is no token: it has the character “${found}” (${code}), which cannot be sent. Was it cut off when it was copied?`;
}

/** A menu below a button. `items` gives `{ label, icon, run, danger }` when it is opened. */
export function menu(button, items) {
  let list = null;
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  const close = (focus) => {
    if (!list) return;
    list.remove();
    list = null;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    window.removeEventListener("resize", close);
    if (focus === true) button.focus();
  };
  const outside = (event) => !list.contains(event.target) && !button.contains(event.target) && close();
  const open = () => {
    list = h(
      "div",
      { class: "menu", role: "menu", "aria-label": button.getAttribute("aria-label") ?? button.textContent },
      items().map(({ label, icon: name, run, danger }) =>
        h(
          "button",
          {
            type: "button",
            role: "menuitem",
            tabindex: -1,
            class: danger ? "danger" : "",
            on: {
              click: () => {
                close(true);
                run();
              },
            },
          },
          icon(name, 16),
          label,
        ),
      ),
    );
    list.addEventListener("keydown", keys);
    list.addEventListener("focusout", (event) => event.relatedTarget && !list?.contains(event.relatedTarget) && close());
    document.body.append(list);
    place(list, button);
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    window.addEventListener("resize", close);
    list.firstElementChild.focus();
  };
  const keys = (event) => {
    const all = [...list.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[
      event.key
    ];
    if (event.key === "Escape") close(true);
    else if (event.key === "Tab") return close();
    else if (to !== undefined) all[to].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  button.addEventListener("click", () => (list ? close(true) : open()));
  button.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !list) {
      event.preventDefault();
      open();
    }
  });
}

function place(list, button) {
  const [box, room] = [button.getBoundingClientRect(), 8];
  const { width, height } = list.getBoundingClientRect();
  const below = box.bottom + 4 + height < innerHeight - room;
  list.style.top = `${below ? box.bottom + 4 : Math.max(room, box.top - 4 - height)}px`;
  list.style.left = `${Math.max(room, Math.min(box.right - width, innerWidth - width - room))}px`;
}

/** How long a short message stays, and how long it stays once nobody is on it any more, in milliseconds. */
const STAYS = 5000;
const LINGERS = 2000;

let endToast = () => {};

/** A short message that goes away by itself, in place of the one before; with `action` there is something to press. */
export function toast(text, { error = false, action } = {}) {
  endToast();
  let timer;
  const gone = () => {
    clearTimeout(timer);
    element.remove();
  };
  const plan = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(gone, ms);
  };
  const act = () => {
    gone();
    action.run();
  };
  const hold = () => clearTimeout(timer);
  const release = () => !element.matches(":hover, :focus-within") && plan(LINGERS);
  const element = h(
    "div",
    {
      class: `toast ${error ? "error" : ""}`.trim(),
      on: { pointerenter: hold, focusin: hold, pointerleave: release, focusout: () => setTimeout(release) },
    },
    icon(error ? "error" : "check", 16),
    h("span", { text }),
    action && h("button", { type: "button", class: "button quiet", text: action.label, on: { click: act } }),
    iconButton("close", "Dismiss", { on: { click: gone } }),
  );
  endToast = gone;
  $("toasts").replaceChildren(element);
  plan(STAYS);
}
