// A question with a schema: fields where its members are simple, and what is wrong with an answer. What the schema says
// beyond that is left to who asks.

import { h } from "./dom.js";

const has = (object, name) => typeof name === "string" && Object.hasOwn(object, name);
/** What is not a text although it should be: a schema can hold anything. */
const words = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// What is wrong with an answer.

const TYPES = {
  string: ["Text", (value) => typeof value === "string"],
  number: ["A number", (value) => typeof value === "number"],
  integer: ["A whole number", (value) => Number.isInteger(value)],
  boolean: ["true or false", (value) => typeof value === "boolean"],
  array: ["A list", Array.isArray],
  object: ["An object", isObject],
  null: ["null", (value) => value === null],
};

const FORMATS = {
  email: ["An address like ada@example.com", (text) => /^[^\s@]+@[^\s@]+$/.test(text)],
  uri: ["An address like https://example.com", (text) => URL.canParse(text)],
  date: ["A date like 2026-01-31", (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))],
  "date-time": [
    "A date and time like 2026-01-31T12:00:00Z",
    (text) => /T.*(Z|[+-]\d\d:\d\d)$/i.test(text) && !Number.isNaN(Date.parse(text)),
  ],
};

/** For each rule: whether a value keeps it, and what is said when it does not. */
const RULES = {
  const: [(value, wanted) => same(value, wanted), (wanted) => `It has to be ${JSON.stringify(wanted)}.`],
  minLength: [(text, least) => [...text].length >= least, (least) => `It needs at least ${least} characters.`, "string"],
  maxLength: [(text, most) => [...text].length <= most, (most) => `It may have ${most} characters at most.`, "string"],
  pattern: [matches, (pattern) => `It does not match the pattern ${pattern}`, "string"],
  format: [(text, name) => !has(FORMATS, name) || FORMATS[name][1](text), (name) => `${FORMATS[name][0]} is wanted.`, "string"],
  minimum: [(value, least) => value >= least, (least) => `It has to be ${least} or more.`, "number"],
  maximum: [(value, most) => value <= most, (most) => `It has to be ${most} or less.`, "number"],
  exclusiveMinimum: [(value, least) => value > least, (least) => `It has to be more than ${least}.`, "number"],
  exclusiveMaximum: [(value, most) => value < most, (most) => `It has to be less than ${most}.`, "number"],
  minItems: [(list, least) => list.length >= least, (least) => `At least ${least} of them are needed.`, "array"],
  maxItems: [(list, most) => list.length <= most, (most) => `${most} of them are allowed at most.`, "array"],
};

function matches(text, pattern) {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

/** What is wrong with a value, for a person, or null. */
export function misfit(schema, value, at = "") {
  if (!isObject(schema)) return null;
  const told = (text) => (at ? `${at}: ${text}` : text);
  const types = [schema.type ?? []].flat().filter((type) => has(TYPES, type));
  if (types.length && !types.some((type) => TYPES[type][1](value)))
    return told(`${types.map((type) => TYPES[type][0]).join(" or ")} is wanted.`);
  const options = optionsOf(schema);
  if (options && !options.some((option) => same(option.value, value)))
    return told(`It has to be one of: ${options.map((option) => JSON.stringify(option.value)).join(", ")}.`);
  for (const [name, [keeps, says, of]] of Object.entries(RULES))
    if (has(schema, name) && !isObject(schema[name]) && (!of || TYPES[of][1](value)) && !keeps(value, schema[name]))
      return told(says(schema[name]));
  const below = (inner) => (at ? `${at}.${inner}` : String(inner));
  if (Array.isArray(value)) {
    const wrong = value.map((item, place) => misfit(schema.items, item, below(place + 1))).find(Boolean);
    if (wrong) return wrong;
  }
  if (isObject(value)) {
    const missing = requiredOf(schema).find((name) => !has(value, name));
    if (missing !== undefined) return told(`“${missing}” is missing.`);
    for (const [name, member] of Object.entries(isObject(schema.properties) ? schema.properties : {})) {
      const wrong = has(value, name) && misfit(member, value[name], below(name));
      if (wrong) return wrong;
    }
  }
  const branches = options ? [] : alternatives(schema);
  const wrongs = branches.map((branch) => misfit(branch, value, at));
  return wrongs.length && wrongs.every(Boolean) ? wrongs[0] : null;
}

const requiredOf = ({ required }) => (Array.isArray(required) ? required.filter((name) => typeof name === "string") : []);
const alternatives = ({ anyOf, oneOf }) => [anyOf, oneOf].find((list) => Array.isArray(list) && list.length) ?? [];

/** What can be chosen from, `{ value, name }`, where a schema lists it; else null. */
function optionsOf(schema) {
  if (!isObject(schema)) return null;
  if (Array.isArray(schema.enum) && schema.enum.length)
    return schema.enum.map((value, place) => ({ value, name: words(schema.enumNames?.[place] ?? value) }));
  const list = alternatives(schema);
  if (!list.length || !list.every((one) => isObject(one) && has(one, "const"))) return null;
  return list.map(({ const: value, title }) => ({ value, name: words(title ?? value) }));
}

// Fields.

/** A member's schema with what it refers to, and without the null that may stand in its place. */
function plain(schema, root) {
  if (!isObject(schema)) return {};
  const name = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(words(schema.$ref) ?? "");
  const found = name ? { ...root[name[1]]?.[name[2]], ...schema } : schema;
  const types = [found.type ?? []].flat();
  const branches = alternatives(found);
  const [only, ...more] = branches.filter((branch) => branch?.type !== "null");
  const nullable = types.includes("null") || (branches.length > 0 && more.length < branches.length - 1);
  if (!nullable) return found;
  const { anyOf, oneOf, ...rest } = found;
  const type = types.find((one) => one !== "null");
  if (branches.length) return { ...(more.length ? found : { ...only, ...rest }), nullable };
  return { ...found, type, nullable };
}

const KINDS = { string: line, number: line, integer: line, boolean: tick };

function kindOf(schema) {
  if (optionsOf(schema)) return choice;
  if (schema.type === "array") return optionsOf(schema.items) && several;
  return has(KINDS, schema.type) && KINDS[schema.type];
}

/**
 * The fields of a question whose answer is an object of simple members, in their own order; null for any other.
 * `element` shows them; `read` gives the answer, or null when it does not fit, which the fields say then.
 */
export function questionFields(root) {
  if (!isObject(root?.properties) || (root.type ?? "object") !== "object" || alternatives(root).length) return null;
  const required = requiredOf(root);
  const members = Object.entries(root.properties).map(([name, schema]) => [name, plain(schema, root)]);
  if (!members.length || !members.every(([, schema]) => kindOf(schema))) return null;
  if (!required.every((name) => has(root.properties, name))) return null;
  const fields = members.map(([name, schema]) => field(name, schema, required.includes(name)));
  const read = () => {
    const answers = fields.map((one) => [one.name, one.read()]);
    const wrong = fields.find((one) => one.wrong);
    wrong?.focus();
    // By entries: no name of a member reaches further than the object.
    return wrong ? null : Object.fromEntries(answers.filter(([, value]) => value !== undefined));
  };
  return { element: h("div", { class: "answer-fields" }, fields.map((one) => one.element)), read };
}

let made = 0;

function field(name, schema, required) {
  const id = `field-${(made += 1)}`;
  const about = { id, "aria-describedby": `${id}-hint ${id}-error`, "aria-required": required && "true" };
  const control = kindOf(schema)(schema, about, required);
  const error = h("p", { class: "form-error", id: `${id}-error`, role: "alert" });
  const title = [words(schema.title ?? name), required && [" ", h("span", { class: "tag", text: "required" })]];
  const hint = h("p", { class: "hint", id: `${id}-hint`, text: words(schema.description ?? "") });
  const heads = {
    above: () => [h("label", { class: "field-label", for: id }, title), control.element],
    beside: () => h("label", { class: "tick" }, control.element, h("span", null, title)),
    group: () => [h("legend", { class: "field-label" }, title), control.element],
  };
  const group = control.label === "group";
  const element = h(
    group ? "fieldset" : "div",
    { class: "answer-field", "aria-describedby": group && about["aria-describedby"] },
    heads[control.label ?? "above"](),
    hint,
    error,
  );
  const one = { name, element, wrong: null, focus: () => control.input.focus() };
  const say = (text) => {
    one.wrong = text;
    error.textContent = text ?? "";
    control.input.setAttribute("aria-invalid", String(Boolean(text)));
  };
  element.addEventListener("input", () => say(null));
  one.read = () => {
    let value = control.read();
    if (value === undefined && required && schema.nullable) value = null;
    else if (value === undefined || (required && value === "")) say(required ? "This is needed." : null);
    else say(misfit(schema, value));
    return value;
  };
  return one;
}

function choice(schema, about, required) {
  const options = optionsOf(schema);
  const input = h("select", about);
  // Who asks puts the default where nothing is said: it cannot be taken back.
  if ((schema.default ?? null) === null) input.append(h("option", { value: "", text: required ? "Choose one" : "No answer" }));
  input.append(...options.map(({ name }, place) => h("option", { value: place, text: name })));
  const first = options.findIndex(({ value }) => same(value, schema.default));
  if (first >= 0) input.value = first;
  return { input, element: h("div", { class: "select" }, input), read: () => options[input.value || -1]?.value };
}

function several(schema, about, required) {
  const options = optionsOf(schema.items);
  const boxes = options.map(({ value }) => checkbox({}, [schema.default ?? []].flat().some((one) => same(one, value))));
  const labels = options.map(({ name }, place) => h("label", { class: "tick" }, boxes[place], name));
  const read = () => {
    const chosen = options.filter((_, place) => boxes[place].checked).map(({ value }) => value);
    return chosen.length || required || has(schema, "default") ? chosen : undefined;
  };
  return { label: "group", input: boxes[0], element: h("div", { class: "ticks" }, labels), read };
}

function checkbox(about, checked) {
  const input = h("input", { type: "checkbox", ...about });
  input.checked = checked;
  return input;
}

function tick(schema, about) {
  const input = checkbox(about, schema.default === true);
  return { label: "beside", input, element: input, read: () => input.checked };
}

const INPUTS = { email: "email", uri: "url", date: "date", "date-time": "datetime-local" };

function line(schema, about) {
  const number = schema.type !== "string";
  const time = schema.format === "date-time";
  const first = has(schema, "default") && schema.default !== null ? words(schema.default) : "";
  const type = (!number && has(INPUTS, schema.format) && INPUTS[schema.format]) || "text";
  const prose = type === "text" && !number;
  // The keys for numbers of some phones have no minus.
  const inputmode = number && schema.minimum >= 0 && "decimal";
  const more = prose ? { rows: 1 } : { type, step: time && 1, inputmode, placeholder: first };
  const input = h(prose ? "textarea" : "input", { class: "input", autocomplete: "off", ...more, ...about });
  input.value = time ? here(first) : first;
  if (prose) input.addEventListener("keydown", sendOnEnter);
  const read = () => {
    // Half a date reads as none.
    if (input.validity.badInput) return "";
    const text = input.value.trim();
    // A text that was emptied is one; else the default would come back.
    if (!text) return prose && first ? "" : undefined;
    if (number) {
      const read = Number(text);
      return (schema.type === "integer" ? Number.isSafeInteger(read) : Number.isFinite(read)) ? read : text;
    }
    return time ? new Date(text).toISOString() : text;
  };
  return { input, element: input, read };
}

/** A moment as a field shows it, in the time of this place. */
function here(text) {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return "";
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Enter sends, as in the field for messages; with Shift it begins a new line. */
export function sendOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.currentTarget.form.querySelector("[type=submit]").click();
}
