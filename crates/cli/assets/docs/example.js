// A request that works, as a command. Pure.

/** A small value that fits a schema: what must be there, and no more. */
export function sample(document, schema, name = "", depth = 0) {
  if (!schema || depth > 6) return {};
  if (schema.$ref) return sample(document, document.components.schemas[schema.$ref.split("/").at(-1)], name, depth + 1);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.allOf)
    return Object.assign(
      {},
      ...schema.allOf.map((part) => sample(document, part, name, depth + 1)),
      schema.oneOf ? sample(document, schema.oneOf[0], name, depth + 1) : {},
    );
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) return sample(document, variants[0], name, depth + 1);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((key) => [key, sample(document, schema.properties?.[key], key, depth + 1)]),
      );
    case "array":
      return [];
    case "string":
      return { threadId: "t1", runId: "r1", id: "m1" }[name] ?? "…";
    case "integer":
    case "number":
      return 1;
    case "boolean":
      return true;
    default:
      return {};
  }
}

/** The body of an example, or undefined where none is sent. */
export function body(document, { operation }) {
  const schema = operation.requestBody?.required && operation.requestBody.content["application/json"]?.schema;
  if (!schema) return undefined;
  const value = sample(document, schema);
  // A run without a word to answer says nothing.
  if (Array.isArray(value.messages)) value.messages = [{ id: "m1", role: "user", content: "Hello" }];
  return value;
}

export function curl({ method, path, server, operation }, value) {
  const url = server + (path === "/" ? "" : path.replace("{agentId}", "default").replace("{threadId}", "t1"));
  const streams = operation.responses["200"]?.content?.["text/event-stream"] && value !== undefined;
  const parts = [
    `curl ${streams ? "-N " : ""}${method === "GET" || (method === "POST" && value !== undefined) ? "" : `-X ${method} `}'${url}'`,
  ];
  if (value !== undefined)
    parts.push("-H 'content-type: application/json'", `-d '${JSON.stringify(value).replaceAll("'", "'\\''")}'`);
  return parts.join(" \\\n  ");
}
