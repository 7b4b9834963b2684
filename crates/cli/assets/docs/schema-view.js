// A JSON Schema for people: members in a table, links to the types that have a name.

import { h } from "../playground/dom.js";

const nameOf = (schema) => /^#\/components\/schemas\/(.+)$/.exec(schema?.$ref ?? "")?.[1];

/** A description: what stands in backticks is code. */
export function prose(text) {
  return text.split(/(`[^`]+`)/).map((part) => (/^`[^`]+`$/.test(part) ? h("code", { text: part.slice(1, -1) }) : part));
}

/** A type in a few words, with links. */
export function typeName(document, schema) {
  if (schema === undefined || schema === true || Object.keys(schema).length === 0) return "any";
  const name = nameOf(schema);
  if (name) return h("a", { href: `#type-${name}`, text: name });
  if (schema.const !== undefined) return h("code", { text: JSON.stringify(schema.const) });
  if (schema.enum)
    return between(
      schema.enum.map((value) => h("code", { text: JSON.stringify(value) })),
      " or ",
    );
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants)
    return between(
      variants.map((one) => (one.properties ? h("code", { text: titleOf(one) }) : typeName(document, one))),
      " or ",
    );
  if (schema.allOf?.length === 1) return typeName(document, schema.allOf[0]);
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  if (schema.type === "array") return ["list of ", typeName(document, schema.items)];
  if (schema.type === "object" && schema.additionalProperties && !schema.properties)
    return ["map to ", typeName(document, schema.additionalProperties)];
  return schema.type ?? "any";
}

/** What tells one of several from the others: its title, what it is made of, or the value that only it has. */
function titleOf(schema) {
  const base = schema.allOf?.map(nameOf).find(Boolean);
  const { type, role, method } = schema.properties ?? {};
  const own = (type ?? role ?? method)?.const ?? Object.values(schema.properties ?? {}).find((one) => one.const !== undefined)?.const;
  return schema.title ?? base ?? (own === undefined ? "object" : String(own));
}

const between = (list, word) => list.flatMap((one, at) => (at ? [word, one] : [one]));

/** A schema with its members. */
export function schemaView(document, schema) {
  const name = nameOf(schema);
  if (name) return h("p", { class: "type-link" }, "A ", h("a", { href: `#type-${name}`, text: name }));
  const out = h("div", { class: "schema" });
  if (schema.description) out.append(h("p", null, prose(schema.description)));
  for (const part of schema.allOf ?? []) out.append(schemaView(document, part));
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants)
    out.append(
      h("p", { class: "soft", text: "One of these:" }),
      h(
        "ul",
        { class: "variants" },
        variants.map((one) => variant(document, one)),
      ),
    );
  if (schema.properties) out.append(members(document, schema));
  else if (!variants && !schema.allOf) out.append(h("p", null, typeName(document, schema)));
  return out;
}

function variant(document, schema) {
  const several = schema.oneOf ?? schema.anyOf;
  if (!schema.properties && !several)
    return h("li", null, typeName(document, schema), schema.description && [": ", prose(schema.description)]);
  return h(
    "li",
    null,
    h(
      "details",
      null,
      h(
        "summary",
        null,
        h("code", { text: titleOf(schema) }),
        several && h("span", { class: "soft", text: `, ${several.length} kinds` }),
        schema.description && [": ", prose(schema.description)],
      ),
      several ? schemaView(document, { ...schema, description: undefined }) : members(document, schema),
    ),
  );
}

function members(document, { properties, required = [] }) {
  // What must be there goes first, and before it what tells one type from another.
  const rank = (name) => (name === "type" || name === "role" ? 0 : required.includes(name) ? 1 : 2);
  const names = Object.keys(properties).sort((a, b) => rank(a) - rank(b));
  const row = (name) =>
    h(
      "tr",
      null,
      h(
        "th",
        { scope: "row" },
        h("code", { text: name }),
        required.includes(name) && h("span", { class: "required", text: "required" }),
      ),
      h("td", null, typeName(document, properties[name])),
      h("td", null, prose(properties[name].description ?? "")),
    );
  return h(
    "div",
    { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Members" },
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ["Member", "Type", "Meaning"].map((text) => h("th", { scope: "col", text })),
        ),
      ),
      h("tbody", null, names.map(row)),
    ),
  );
}
