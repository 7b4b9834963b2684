// JSON Patch (RFC 6902) for the shared state, and what differs between two states. Pure.

const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);

function tokens(pointer) {
  if (pointer === "") return [];
  if (typeof pointer !== "string" || pointer[0] !== "/") throw new Error(`'${pointer}' is not a JSON Pointer`);
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function index(token, length, pointer) {
  if (!/^(0|[1-9]\d*)$/.test(token) || Number(token) > length) throw new Error(`there is no place '${pointer}'`);
  return Number(token);
}

function get(value, path, pointer) {
  for (const token of path) {
    if (Array.isArray(value)) value = value[index(token, value.length - 1, pointer)];
    else if (value !== null && typeof value === "object" && has(value, token)) value = value[token];
    else throw new Error(`there is no value at '${pointer}'`);
  }
  return value;
}

/** A copy of the way to `path` in which `change` was made to the last container. Everything beside it is shared. */
function at(value, path, pointer, change) {
  const [token, ...rest] = path;
  if (value === null || typeof value !== "object") throw new Error(`there is no place '${pointer}'`);
  const copy = Array.isArray(value) ? [...value] : { ...value };
  if (!rest.length) {
    change(copy, token);
    return copy;
  }
  const key = Array.isArray(copy) ? index(token, copy.length - 1, pointer) : token;
  if (!has(copy, key)) throw new Error(`there is no value at '${pointer}'`);
  put(copy, key, at(copy[key], rest, pointer, change));
  return copy;
}

/** Also `__proto__` is a name like any other. */
function put(container, key, value) {
  Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true });
}

function add(document, pointer, value) {
  const path = tokens(pointer);
  if (!path.length) return value;
  return at(document, path, pointer, (container, token) => {
    if (!Array.isArray(container)) put(container, token, value);
    else container.splice(token === "-" ? container.length : index(token, container.length, pointer), 0, value);
  });
}

function remove(document, pointer) {
  const path = tokens(pointer);
  get(document, path, pointer);
  if (!path.length) return null;
  return at(document, path, pointer, (container, token) => {
    if (Array.isArray(container)) container.splice(Number(token), 1);
    else delete container[token];
  });
}

function replace(document, pointer, value) {
  const path = tokens(pointer);
  get(document, path, pointer);
  if (!path.length) return value;
  return at(document, path, pointer, (container, token) =>
    put(container, Array.isArray(container) ? Number(token) : token, value),
  );
}

/** The document after all operations, or an error and the document is as it was. */
export function applyPatch(document, operations) {
  for (const { op, path, from, value } of operations) {
    if (op === "add") document = add(document, path, value);
    else if (op === "remove") document = remove(document, path);
    else if (op === "replace") document = replace(document, path, value);
    else if (op === "copy") document = add(document, path, get(document, tokens(from), from));
    else if (op === "move") {
      if (path.startsWith(`${from}/`)) throw new Error("a value cannot be moved into itself");
      const moved = get(document, tokens(from), from);
      document = add(remove(document, from), path, moved);
    } else if (op === "test") {
      if (!equal(get(document, tokens(path), path), value)) throw new Error(`'${path}' has another value`);
    } else throw new Error(`'${op}' is not an operation`);
  }
  return document;
}

export function equal(a, b) {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => has(b, key) && equal(a[key], b[key]));
}

/** JSON Pointers of the deepest values of `after` that are new or other than in `before`, at most `most`. */
export function changedPaths(before, after, most = 1000) {
  const found = new Set();
  const walk = (a, b, path) => {
    if (found.size >= most || a === b) return;
    const containers = [a, b].every((value) => value !== null && typeof value === "object");
    if (!containers || Array.isArray(a) !== Array.isArray(b)) {
      if (!equal(a, b)) found.add(path);
      return;
    }
    // What was taken out shows at the container that it is missing from.
    if (Object.keys(a).some((key) => !has(b, key))) found.add(path);
    for (const key of Object.keys(b)) {
      const below = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (has(a, key)) walk(a[key], b[key], below);
      else found.add(below);
    }
  };
  walk(before, after, "");
  return found;
}
