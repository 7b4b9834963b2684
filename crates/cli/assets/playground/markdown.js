// Markdown as a tree: the blocks of CommonMark and GFM that models write. Pure. HTML in it is text like any other.

import { inline } from "./markdown-inline.js";

/** Deeper quotes and lists are shown as text. */
const DEPTH_MAX = 12;

const FENCE = /^( {0,3})(`{3,}|~{3,})[ \t]*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}>[ ]?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:([ \t]+)(.*))?$/;
const DELIMITERS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const BLANK = /^[ \t]*$/;

/** The blocks of a text. `at` of each is where it begins in the text. */
export function parse(text) {
  const lines = [];
  let from = 0;
  while (from <= text.length) {
    let to = text.indexOf("\n", from);
    if (to < 0) to = text.length;
    lines.push({
      at: from,
      text: text
        .slice(from, text[to - 1] === "\r" && to > from ? to - 1 : to)
        .replace(/^\t+/, (tabs) => "    ".repeat(tabs.length)),
    });
    from = to + 1;
  }
  return blocks(lines, 0);
}

function blocks(lines, depth) {
  const found = [];
  let i = 0;
  while (i < lines.length) {
    const { at, text } = lines[i];
    if (BLANK.test(text)) {
      i += 1;
      continue;
    }
    const [block, next] = depth < DEPTH_MAX ? one(lines, i, depth) : paragraph(lines, i);
    found.push({ ...block, at });
    i = next;
  }
  return found;
}

function one(lines, i, depth) {
  const { text } = lines[i];
  const fence = FENCE.exec(text);
  if (fence) return code(lines, i, fence);
  const heading = HEADING.exec(text);
  if (heading) return [{ type: "heading", level: heading[1].length, children: inline(heading[2] ?? "") }, i + 1];
  if (RULE.test(text)) return [{ type: "rule" }, i + 1];
  if (QUOTE.test(text)) return quote(lines, i, depth);
  if (isItem(text)) return list(lines, i, depth);
  if (isTable(lines, i)) return table(lines, i);
  return paragraph(lines, i);
}

function code(lines, i, [, indent, marker, info]) {
  const closing = new RegExp(`^ {0,3}${marker[0] === "`" ? "`" : "~"}{${marker.length},}[ \\t]*$`);
  const strip = new RegExp(`^ {0,${indent.length}}`);
  const body = [];
  let next = i + 1;
  let closed = false;
  for (; next < lines.length && !closed; next += 1) {
    closed = closing.test(lines[next].text);
    if (!closed) body.push(lines[next].text.replace(strip, ""));
  }
  // The language is the first word; a page's own spelling, so it is cut to what one is.
  const language = info.trim().split(/\s+/)[0].slice(0, 30);
  return [{ type: "code", language, text: body.join("\n"), closed }, next];
}

function quote(lines, i, depth) {
  const inner = [];
  let next = i;
  for (; next < lines.length; next += 1) {
    const { at, text } = lines[next];
    if (QUOTE.test(text)) inner.push({ at, text: text.replace(QUOTE, "") });
    // A paragraph goes on without its mark.
    else if (!BLANK.test(text) && inner.length && !BLANK.test(inner.at(-1).text) && !interrupts(text)) inner.push({ at, text });
    else break;
  }
  return [{ type: "quote", children: blocks(inner, depth + 1) }, next];
}

function isItem(text) {
  const item = ITEM.exec(text);
  return item && item[1].length <= 3 && !RULE.test(text);
}

function interrupts(text) {
  return FENCE.test(text) || HEADING.test(text) || RULE.test(text) || QUOTE.test(text) || isItem(text);
}

function list(lines, i, depth) {
  const [, , first] = ITEM.exec(lines[i].text);
  const ordered = /\d/.test(first);
  const kind = first.at(-1);
  const items = [];
  let loose = false;
  let blank = false;
  let next = i;
  let item = null;
  for (; next < lines.length; next += 1) {
    const { at, text } = lines[next];
    if (BLANK.test(text)) {
      blank = true;
      item?.lines.push({ at, text: "" });
      continue;
    }
    const indent = text.length - text.trimStart().length;
    const match = ITEM.exec(text);
    // Two blanks are enough for what belongs to an item: models do not count the width of `10.`.
    if (item && indent >= Math.min(item.indent, item.base + 2)) {
      loose ||= blank && indent < item.indent + 2 && !match;
      item.lines.push({ at, text: text.slice(Math.min(indent, item.indent)) });
    } else if (match && match[1].length <= 3 && !RULE.test(text) && /\d/.test(match[2]) === ordered && match[2].at(-1) === kind) {
      loose ||= blank && items.length > 0;
      const gap = match[3] && match[3].length <= 4 ? match[3].length : 1;
      item = { base: match[1].length, indent: match[1].length + match[2].length + gap, lines: [{ at, text: match[4] ?? "" }] };
      items.push(item);
    } else if (!blank && item && !interrupts(text)) {
      item.lines.push({ at, text: text.trimStart() });
    } else break;
    blank = false;
  }
  // Blank lines at the end belong to nobody.
  while (next > i && BLANK.test(lines[next - 1].text)) next -= 1;
  const children = items.map(({ lines: inner }) => {
    const task = /^\[([ xX])\][ \t]+/.exec(inner[0].text);
    if (task) inner[0] = { ...inner[0], text: inner[0].text.slice(task[0].length) };
    return { checked: task ? task[1] !== " " : null, children: blocks(inner, depth + 1) };
  });
  return [{ type: "list", ordered, start: ordered ? Number.parseInt(first, 10) : 1, loose, items: children }, next];
}

function cells(text) {
  const row = text
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function isTable(lines, i) {
  const [head, delimiters] = [lines[i].text, lines[i + 1]?.text];
  return (
    head.includes("|") &&
    delimiters !== undefined &&
    DELIMITERS.test(delimiters) &&
    cells(head).length === cells(delimiters).length
  );
}

function table(lines, i) {
  const align = cells(lines[i + 1].text).map((cell) => {
    if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "right";
    return cell.startsWith(":") ? "left" : "";
  });
  const rows = [];
  let next = i + 2;
  for (; next < lines.length && !BLANK.test(lines[next].text) && !interrupts(lines[next].text); next += 1) {
    const row = cells(lines[next].text);
    rows.push(align.map((_, column) => inline(row[column] ?? "")));
  }
  return [{ type: "table", align, head: cells(lines[i].text).map(inline), rows }, next];
}

function paragraph(lines, i) {
  const text = [lines[i].text];
  let next = i + 1;
  for (; next < lines.length && !BLANK.test(lines[next].text); next += 1) {
    const line = lines[next].text;
    const underline = /^ {0,3}(=+|-+)[ \t]*$/.exec(line);
    if (underline) {
      return [{ type: "heading", level: underline[1][0] === "=" ? 1 : 2, children: inline(text.join("\n").trim()) }, next + 1];
    }
    if (interrupts(line) || isTable(lines, next)) break;
    text.push(line);
  }
  return [
    {
      type: "paragraph",
      children: inline(
        text
          .map((line) => line.trimStart())
          .join("\n")
          .trimEnd(),
      ),
    },
    next,
  ];
}
