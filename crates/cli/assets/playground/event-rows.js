// The rows of the timeline: pieces of one text that follow each other are one row, which opens to its parts. Pure.

export const KINDS = {
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

/** Whose text an event is a piece of; empty where it is none. */
function textOf({ type, messageId, toolCallId, delta }) {
  return typeof delta === "string" ? `${type} ${toolCallId ?? messageId}` : "";
}

/**
 * `{ entry, parts, begins }` of each row: `parts` are the entries of a row that stands for several, `begins` says that
 * another run begins here. A piece that is shown by itself has `of`, the first entry of its text.
 */
export function rowsOf(events, { kind, words, open }) {
  const rows = [];
  let counted = 0;
  for (let at = 0; at < events.length; ) {
    const first = events[at];
    const text = textOf(first.event);
    let end = at + 1;
    if (text) while (end < events.length && textOf(events[end].event) === text) end += 1;
    const parts = events.slice(at, end);
    at = end;
    if ((kind && kindOf(first.event.type) !== kind) || (words && !speaks(parts, words))) continue;
    counted += parts.length;
    const begins = rows.length > 0 && first.event.type === "RUN_STARTED";
    if (parts.length === 1) rows.push({ entry: first, begins });
    else {
      rows.push({ entry: first, parts });
      if (open.has(first)) rows.push(...parts.map((entry) => ({ entry, of: first })));
    }
  }
  return { rows, counted };
}

/** Whether the words are in one of the events, or in the text that they make together. */
function speaks(parts, words) {
  if (parts.some(({ event }) => JSON.stringify(event).toLowerCase().includes(words))) return true;
  return parts.length > 1 && joined(parts).toLowerCase().includes(words);
}

/** The text that pieces make. */
export const joined = (parts) => parts.map(({ event }) => event.delta).join("");
