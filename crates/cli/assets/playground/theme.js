// Light and dark.

import { icon, iconButton } from "./dom.js";

const THEME = "copilotkit-playground-theme";

/** A button that changes between light and dark; what the system says holds until it is pressed. */
export function themeButton() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = iconButton("moon", "Dark colours");
  const now = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const show = () => {
    const label = now() === "dark" ? "Light colours" : "Dark colours";
    button.replaceChildren(icon(now() === "dark" ? "sun" : "moon"));
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => {
    const next = now() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem(THEME, next);
    show();
  });
  dark.addEventListener("change", show);
  show();
  return button;
}
