// What stands within a line of Markdown: emphasis, code, links, pictures. Pure. Its time grows with the length of the
// text, whatever the text is: it comes from models and from the tools that they call.

const PUNCTUATION = /[!-/:-@[-`{-~]/;
/** A longer address is text. */
const ADDRESS_MAX = 2000;
/** A picture's bytes, however long they are. */
const DATA = /data:image\/[a-z+.-]{1,20};base64,[A-Za-z0-9+/=]*/y;
const IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

/** The address in its normal form, or null where a link must not lead: only the web and mail are safe to click. */
export function safeUrl(text) {
  try {
    const url = new URL(text.trim());
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** Pictures that are in the text itself; others would call another server. */
export const safeImage = (text) => (IMAGE.test(text) ? text : null);

/** Nodes: texts, and `{ type, … }` with `children`. */
export function inline(text) {
  const nodes = [];
  const brackets = [];
  // For each length of a run of backticks: from where on there is no other run of it.
  const unclosed = new Map();
  let plain = "";
  const flush = () => {
    if (plain) nodes.push({ text: plain });
    plain = "";
  };
  let i = 0;
  while (i < text.length) {
    const c = text[i];
    if (c === "\\") {
      const next = text[i + 1];
      if (next === "\n") {
        flush();
        nodes.push({ type: "break" });
        i += 2;
      } else if (next && PUNCTUATION.test(next)) {
        plain += next;
        i += 2;
      } else {
        plain += c;
        i += 1;
      }
    } else if (c === "`") {
      const [code, end] = codeSpan(text, i, unclosed);
      if (code === null) plain += text.slice(i, end);
      else {
        flush();
        nodes.push({ type: "code", text: code });
      }
      i = end;
    } else if (c === "*" || c === "_" || c === "~") {
      let end = i;
      while (text[end] === c) end += 1;
      flush();
      nodes.push(delimiter(text, i, end));
      i = end;
    } else if (c === "[" || (c === "!" && text[i + 1] === "[")) {
      flush();
      const mark = c === "!" ? "![" : "[";
      brackets.push({ at: nodes.length, image: c === "!" });
      nodes.push({ text: mark });
      i += mark.length;
    } else if (c === "]" && brackets.length) {
      const open = brackets.pop();
      const target = text[i + 1] === "(" ? destination(text, i + 2) : null;
      if (!target) {
        plain += c;
        i += 1;
        continue;
      }
      flush();
      const inner = nodes.splice(open.at).slice(1);
      nodes.push(link(open.image, inner, target));
      // A link holds no other link.
      if (!open.image) brackets.length = 0;
      i = target.end;
    } else if (c === "<" || c === "h" || c === "H") {
      const found = autolink(text, i);
      if (found) {
        flush();
        nodes.push({ type: "link", href: found.href, children: [{ text: found.shown }] });
        i = found.end;
      } else {
        plain += c;
        i += 1;
      }
    } else if (c === "\n") {
      const hard = plain.endsWith("  ");
      plain = plain.trimEnd();
      if (hard) {
        flush();
        nodes.push({ type: "break" });
      } else plain += "\n";
      i += 1;
      while (text[i] === " ") i += 1;
    } else {
      plain += c;
      i += 1;
    }
  }
  flush();
  return emphasis(nodes);
}

function codeSpan(text, start, unclosed) {
  let open = start;
  while (text[open] === "`") open += 1;
  const length = open - start;
  if (unclosed.get(length) <= open) return [null, open];
  let i = open;
  for (;;) {
    const from = text.indexOf("`", i);
    if (from < 0) break;
    i = from;
    while (text[i] === "`") i += 1;
    if (i - from !== length) continue;
    const code = text.slice(open, from).replaceAll("\n", " ");
    const padded = /^ .*[^ ].* $/.test(code) || /^ [^ ] $/.test(code);
    return [padded ? code.slice(1, -1) : code, i];
  }
  unclosed.set(length, open);
  return [null, open];
}

/** Behind `](`: the address and the place behind `)`. */
function destination(text, start) {
  let i = start;
  let depth = 0;
  let url = "";
  while (text[i] === " ") i += 1;
  if (text[i] === "<") {
    const end = text.slice(i, i + ADDRESS_MAX).search(/[>\n]/);
    if (end < 0 || text[i + end] !== ">") return null;
    url = text.slice(i + 1, i + end);
    i += end + 1;
  } else {
    const from = i;
    DATA.lastIndex = i;
    i = DATA.exec(text) ? DATA.lastIndex : i;
    const bytes = i - from;
    for (; i < text.length; i += 1) {
      if (i - from - bytes > ADDRESS_MAX) return null;
      if (text[i] === "(") depth += 1;
      else if (text[i] === ")") {
        if (depth === 0) break;
        depth -= 1;
      } else if (text[i] === " " || text[i] === "\n") break;
    }
    url = text.slice(from, i);
  }
  const rest = text.slice(i, i + ADDRESS_MAX);
  const end = /^[ \n]*(?:(?:"[^"]*"|'[^']*')[ \n]*)?\)/.exec(rest);
  return end ? { url, end: i + end[0].length } : null;
}

function link(image, inner, { url }) {
  const children = emphasis(inner);
  if (image) {
    const src = safeImage(url);
    const alt = plainText(children);
    if (src) return { type: "image", src, alt };
    const href = safeUrl(url);
    return href ? { type: "link", href, picture: true, children: [{ text: alt || href }] } : { type: "span", children };
  }
  const href = safeUrl(url);
  return href ? { type: "link", href, children } : { type: "span", children };
}

export function plainText(nodes) {
  return nodes.map((node) => node.alt ?? node.text ?? (node.children ? plainText(node.children) : "")).join("");
}

/** `<https://…>`, and addresses that stand in the text as they are. */
function autolink(text, i) {
  if (text[i] === "<") {
    const found = /^<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/i.exec(text.slice(i, i + ADDRESS_MAX + 10));
    const href = found && safeUrl(found[1]);
    return href ? { href, shown: found[1], end: i + found[0].length } : null;
  }
  if (i > 0 && /[\w@]/.test(text[i - 1])) return null;
  const found = /^https?:\/\/[^\s<>"'`*\]|]{1,2000}/i.exec(text.slice(i, i + ADDRESS_MAX));
  if (!found) return null;
  let shown = found[0].replace(/[.,:;!?~_]+$/, "");
  // A bracket that was opened before the address is closed behind it.
  while (shown.endsWith(")") && shown.split(")").length > shown.split("(").length)
    shown = shown.slice(0, -1).replace(/[.,:;!?]+$/, "");
  const href = safeUrl(shown);
  return href ? { href, shown, end: i + shown.length } : null;
}

/** A run of `*`, `_` or `~` and what it may do, by what stands around it. */
function delimiter(text, start, end) {
  const [before, after] = [text[start - 1] ?? " ", text[end] ?? " "];
  const [spaceBefore, spaceAfter] = [/\s/.test(before), /\s/.test(after)];
  const [punctBefore, punctAfter] = [/[\p{P}\p{S}]/u.test(before), /[\p{P}\p{S}]/u.test(after)];
  const left = !spaceAfter && (!punctAfter || spaceBefore || punctBefore);
  const right = !spaceBefore && (!punctBefore || spaceAfter || punctAfter);
  const mark = text[start];
  const word = mark === "_";
  return {
    mark,
    count: end - start,
    length: end - start,
    opens: word ? left && (!right || punctBefore) : left,
    closes: word ? right && (!left || punctAfter) : right,
  };
}

/** Pairs the delimiters, each closer with the nearest opener, as CommonMark does. */
function emphasis(nodes) {
  const out = [];
  // Where openers of each kind may still be found in `out`: below it there are none, so that no search is made twice.
  const bottom = new Map();
  for (const node of nodes) {
    if (!node.mark || !node.closes) {
      out.push(node.mark ? { ...node } : node);
      continue;
    }
    const closer = { ...node };
    for (;;) {
      const key = `${closer.mark}${closer.opens}${closer.length % 3}`;
      const floor = bottom.get(key) ?? 0;
      let at = out.length - 1;
      while (at >= floor && !matches(out[at], closer)) at -= 1;
      if (at < floor) {
        bottom.set(key, out.length);
        break;
      }
      const opener = out[at];
      const size = closer.mark === "~" ? closer.count : Math.min(opener.count, closer.count, 2);
      const children = out.splice(at + 1).map(asText);
      opener.count -= size;
      closer.count -= size;
      if (!opener.count) out.pop();
      for (const [kind, low] of bottom) if (low > out.length) bottom.set(kind, out.length);
      const type = closer.mark === "~" ? "strike" : size === 2 ? "strong" : "em";
      out.push({ type, children: joined(children) });
      if (!closer.count) break;
    }
    if (closer.count) out.push(closer);
  }
  return joined(out.map(asText));
}

function matches(opener, closer) {
  if (opener.mark !== closer.mark || !opener.opens) return false;
  if (closer.mark === "~") return opener.count === closer.count && closer.count <= 2;
  const both = opener.closes || closer.opens;
  return !(both && (opener.length + closer.length) % 3 === 0 && (opener.length % 3 || closer.length % 3));
}

const asText = (node) => (node.mark ? { text: node.mark.repeat(node.count) } : node);

/** Texts beside each other as one. */
function joined(nodes) {
  const out = [];
  for (const node of nodes) {
    const last = out.at(-1);
    if (node.type === undefined && last && last.type === undefined) last.text += node.text;
    else out.push(node.type === undefined ? { text: node.text } : node);
  }
  return out;
}
