// The routes of the server, those that every page may use. Where only the single endpoint is served, the same requests
// travel as envelopes.

/** A request that failed. `status` is 0 when the server could not be reached. */
export class ApiError extends Error {
  constructor(status, message, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }

  get unreachable() {
    return this.status === 0;
  }
}

const TOKEN = "copilotkit-playground-token";

/** What no token has and no header can be trusted to carry: all but the visible characters of ASCII and the space. */
export const unsendable = (text) => /[^\x20-\x7e]/u.exec(text)?.[0] ?? null;

/** The token that the server took. It lives as long as the tab. */
export const token = {
  /** One that cannot be sent is forgotten. */
  get() {
    const kept = sessionStorage.getItem(TOKEN) ?? "";
    if (unsendable(kept) === null) return kept;
    sessionStorage.removeItem(TOKEN);
    return "";
  },
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
};

export class Api {
  /** `base` is the address of the base path; `single` says that only the single endpoint is served. */
  constructor(base, single) {
    this.base = base.replace(/\/$/, "");
    this.single = single;
  }

  /** Which agents there are; with `bearer` asked with this token in place of the one that is kept. */
  info(bearer) {
    return this.#json({ method: "GET", path: "/info", envelope: { method: "info" }, bearer });
  }

  /** The answer to a run, to be read with `readEvents`. An empty `lastEventId` asks for numbered events. */
  run(agentId, input, { signal } = {}) {
    return this.#agent("run", agentId, input, { signal, lastEventId: "" });
  }

  connect(agentId, input, { signal, lastEventId = "" } = {}) {
    return this.#agent("connect", agentId, input, { signal, lastEventId });
  }

  suggest(agentId, input, { signal } = {}) {
    return this.#agent("suggest", agentId, input, { signal });
  }

  stop(agentId, threadId) {
    return this.#json({
      method: "POST",
      path: `/agent/${encodeURIComponent(agentId)}/stop/${encodeURIComponent(threadId)}`,
      envelope: { method: "agent/stop", params: { agentId, threadId } },
    });
  }

  threads({ archived = false, limit = 50, cursor } = {}) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (archived) query.set("includeArchived", "true");
    if (cursor) query.set("cursor", cursor);
    return this.#resource("GET", `/threads?${query}`);
  }

  changeThread(id, change) {
    return this.#resource("PATCH", `/threads/${encodeURIComponent(id)}`, change);
  }

  archiveThread(id) {
    return this.#resource("POST", `/threads/${encodeURIComponent(id)}/archive`);
  }

  deleteThread(id) {
    return this.#resource("DELETE", `/threads/${encodeURIComponent(id)}`);
  }

  /** What a million tokens of these models cost, `provider/model`; the page's own route, beside the base path. */
  prices(models) {
    const query = new URLSearchParams(models.map((model) => ["model", model]));
    return this.#json({ method: "GET", url: new URL(`playground/prices?${query}`, document.baseURI) });
  }

  #resource(method, path, body) {
    const envelope = { method: "resource/request", params: { path, httpMethod: method }, ...(body && { body }) };
    return this.#json({ method, path, body, envelope });
  }

  #agent(action, agentId, input, { signal, lastEventId }) {
    const headers = lastEventId === undefined ? {} : { "Last-Event-ID": lastEventId };
    return this.#send({
      method: "POST",
      path: `/agent/${encodeURIComponent(agentId)}/${action}`,
      body: input,
      envelope: { method: `agent/${action}`, params: { agentId }, body: input },
      headers: { accept: "text/event-stream", ...headers },
      signal,
    });
  }

  async #json(request) {
    const response = await this.#send(request);
    if (response.status === 204) return null;
    try {
      return await response.json();
    } catch {
      throw new ApiError(response.status, "The answer is not JSON: is something else listening at this address?");
    }
  }

  async #send({ method, path, url, body, envelope, headers = {}, signal, bearer = token.get() }) {
    const enveloped = this.single && !url;
    const [target, verb, payload] = enveloped
      ? [this.base || "/", "POST", envelope]
      : [url ?? this.base + path, method, body];
    const init = { method: verb, headers: { ...headers }, signal, cache: "no-store", credentials: "same-origin" };
    if (payload !== undefined) {
      init.body = JSON.stringify(payload);
      init.headers["content-type"] = "application/json";
    }
    if (bearer) init.headers.authorization = `Bearer ${bearer}`;
    let response;
    try {
      response = await fetch(target, init);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "The server does not answer.");
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

/** What the server says about a request that it refused, for a person. */
async function refusal(response) {
  const text = await response.text().catch(() => "");
  let body = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    // A proxy in front of the server may answer with a page of its own.
  }
  const message = body.message || body.details || body.error || `The server answered ${response.status}.`;
  return new ApiError(response.status, String(message), String(body.code ?? ""));
}
