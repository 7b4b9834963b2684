// The conversation as something to paste: a request for curl, a page for React. Pure.

/** A text as one word of a shell. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A name of JSON as a variable of a page. */
const literal = (text) => JSON.stringify(text);

/** The last request again, or what the next one would be. A token is not written into it. */
export function curl({ base, agentId, input, single, authorized }) {
  const url = single ? base : `${base}/agent/${encodeURIComponent(agentId)}/run`;
  const body = single ? { method: "agent/run", params: { agentId }, body: input } : input;
  return [
    `curl -N ${quoted(url)}`,
    `-H 'content-type: application/json'`,
    `-H 'accept: text/event-stream'`,
    ...(authorized ? ['-H "authorization: Bearer $TOKEN"'] : []),
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

export function react({ base, agentId, threadId, single, authorized }) {
  const props = [`runtimeUrl=${literal(base)}`];
  if (single) props.push("useSingleEndpoint");
  if (authorized) props.push("headers={{ Authorization: `Bearer ${token}` }}");
  const chat = [
    agentId === "default" ? "" : ` agentId=${literal(agentId)}`,
    threadId ? ` threadId=${literal(threadId)}` : "",
  ].join("");
  return `import { CopilotKitProvider, CopilotChat } from "@copilotkit/react-core/v2";
import "@copilotkit/react-core/v2/styles.css";

export default function App(${authorized ? "{ token }" : ""}) {
  return (
    <CopilotKitProvider ${props.join(" ")}>
      <div style={{ height: "100dvh" }}>
        <CopilotChat${chat} />
      </div>
    </CopilotKitProvider>
  );
}
`;
}
