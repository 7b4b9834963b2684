// Suggestions of the agent itself, asked for in the way that CopilotKit's pages do.

import { readEvents } from "./sse.js";

const TOOL = "copilotkitSuggest";
const text = (description) => ({ type: "string", description });

const PARAMETERS = {
  type: "object",
  properties: {
    suggestions: {
      type: "array",
      description: "Up to three suggestions",
      items: {
        type: "object",
        properties: { title: text("A few words for a button"), message: text("What the user would say") },
        required: ["title", "message"],
      },
    },
  },
  required: ["suggestions"],
};

/** A few things to say to an agent: `{ title, message }` each. */
export async function suggestions(api, agentId, { id, messages, state }) {
  const ask = {
    id: id(),
    role: "user",
    content: "Suggest up to three short messages that the user may want to send next. Show different things that you can do.",
  };
  const input = {
    threadId: id(),
    runId: id(),
    protocolVersion: "1.0",
    messages: [...messages, ask],
    tools: [{ name: TOOL, description: "Suggests what the user may say next", parameters: PARAMETERS }],
    context: [],
    forwardedProps: { toolChoice: { type: "function", function: { name: TOOL } } },
    ...(state !== undefined && { state }),
  };
  let args = "";
  for await (const batch of readEvents(await api.suggest(agentId, input))) {
    for (const { event } of batch) {
      if (event.type === "TOOL_CALL_ARGS") args += event.delta;
      if (event.type === "RUN_ERROR") throw new Error(event.message);
    }
  }
  try {
    const list = JSON.parse(args).suggestions;
    return list.filter((one) => typeof one?.title === "string" && typeof one.message === "string").slice(0, 5);
  } catch {
    return [];
  }
}
