// What came of a tool call, as its result tells it. Pure.

import { textOf } from "./conversation.js";

/** What a result says of a call that was not done; other words are the tool's own. */
const UNDONE = { error: "failed", failed: "failed", rejected: "rejected", denied: "rejected", cancelled: "canceled", canceled: "canceled", stopped: "stopped" };
/** A result with other members than these is the answer of a tool that has a `status` of its own. */
const TOLD = new Set(["status", "reason", "message", "code"]);

/** A result's content as a value of JSON, or undefined where it is a text. It may be a text in JSON once more. */
function valueOf(content) {
  if (typeof content !== "string") return undefined;
  try {
    const value = JSON.parse(content);
    return typeof value === "string" ? (valueOf(value) ?? value) : value;
  } catch {
    return undefined;
  }
}

/** `{ outcome, message }`: `done`, `failed`, `rejected`, `canceled` or `stopped`, and why in one line where it is said. */
export function outcomeOf({ content, error }) {
  if (typeof error === "string" && error) return { outcome: "failed", message: error };
  const value = valueOf(content);
  if (value === null || typeof value !== "object" || Array.isArray(value)) return { outcome: "done" };
  // The whole result of a tool of an MCP server.
  if (value.isError === true) return { outcome: "failed", message: textOf(value.content) || value.message };
  const names = Object.keys(value);
  const outcome = UNDONE[value.status];
  if (outcome && names.every((name) => TOLD.has(name))) {
    return { outcome, message: value.reason && outcome === "rejected" ? value.reason : (value.message ?? value.reason) };
  }
  // An app's tool that could not be asked.
  if (typeof value.error === "string" && names.every((name) => name === "error" || TOLD.has(name))) {
    return { outcome: "failed", message: value.error };
  }
  return { outcome: "done" };
}

/** A result to be read: JSON in lines, a text as it is. */
export function resultText(content) {
  if (typeof content !== "string") return textOf(content) || JSON.stringify(content, null, 2);
  const value = valueOf(content);
  if (value === undefined || typeof value === "string") return value ?? content;
  return JSON.stringify(value, null, 2);
}

/** The same in one line. */
export function resultLine(content) {
  const value = valueOf(content);
  const text = value === undefined ? textOf(content) || String(content ?? "") : typeof value === "string" ? value : JSON.stringify(value);
  return text.replace(/\s+/g, " ").slice(0, 200);
}
