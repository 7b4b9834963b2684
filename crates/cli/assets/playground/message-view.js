// One message of the conversation, of any role. A view is made once and then told that its message has changed.

import { ActivityView } from "./activity-view.js";
import { isApproval, textOf } from "./conversation.js";
import { copyButton, h, icon } from "./dom.js";
import { MarkdownView } from "./markdown-view.js";
import { safeUrl } from "./markdown-inline.js";
import { panel, ToolView } from "./tool-view.js";
import { duration } from "./usage.js";

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

export function messageView(message, context) {
  const View =
    { user: UserView, assistant: AssistantView, reasoning: ReasoningView, tool: ResultView, activity: ActivityView }[
      message.role
    ] ?? SystemView;
  return new View(message, context);
}

class View {
  constructor(className, label, ...children) {
    this.element = h("article", { class: `message ${className}`, "aria-label": label }, children);
  }
}

/** The name of a subagent that a message belongs to. */
function speaker(message, context) {
  const name = message.subagentRunId && (context.conversation().subagents.get(message.subagentRunId)?.name ?? "subagent");
  return name || message.name || null;
}

class UserView extends View {
  constructor(message) {
    const text = textOf(message.content);
    const parts = Array.isArray(message.content) ? message.content.filter((part) => part.type !== "text") : [];
    super(
      "user",
      "You",
      parts.length > 0 && h("div", { class: "attachments" }, parts.map(attachment)),
      text &&
        h(
          "div",
          { class: "said" },
          h("div", { class: "bubble", text }),
          h(
            "div",
            { class: "message-actions" },
            copyButton(() => text, "Copy message"),
          ),
        ),
    );
  }

  update() {}
}

/** What was attached: pictures are shown where the message holds them, nothing is fetched from elsewhere. */
export function attachment(part) {
  const { source = {}, metadata } = part;
  const name = metadata?.filename || `${part.type}${source.mimeType ? ` (${source.mimeType})` : ""}`;
  if (part.type === "image" && source.type === "data" && PICTURES.includes(source.mimeType)) {
    return h("img", { class: "attached-image", src: `data:${source.mimeType};base64,${source.value}`, alt: name });
  }
  const href = source.type === "url" ? safeUrl(String(source.value)) : null;
  const inner = [icon(part.type === "image" ? "spark" : "document", 16), h("span", { text: name })];
  return href
    ? h("a", { class: "attached-file", href, target: "_blank", rel: "noopener noreferrer nofollow" }, inner)
    : h("div", { class: "attached-file" }, inner);
}

class AssistantView extends View {
  constructor(message, context) {
    super("assistant", "Agent");
    this.context = context;
    this.message = message;
    this.text = new MarkdownView();
    this.tools = new Map();
    this.actions = h(
      "div",
      { class: "message-actions" },
      copyButton(() => textOf(this.message.content), "Copy answer"),
    );
    const name = speaker(message, context);
    if (name) this.element.append(h("div", { class: "speaker", text: name }));
    this.element.append(this.text.element, this.actions);
    this.update(message);
  }

  update(message) {
    this.message = message;
    const text = textOf(message.content);
    this.text.update(text);
    this.text.element.hidden = !text;
    this.actions.hidden = !text;
    const conversation = this.context.conversation();
    for (const call of message.toolCalls ?? []) {
      if (!this.tools.has(call.id)) {
        const view = new ToolView(call.id, this.context);
        this.tools.set(call.id, view);
        this.element.append(view.element);
      }
      const asked = conversation.interrupts.find(({ toolCallId }) => toolCallId === call.id);
      // Where the arguments can be changed, the question shows them.
      const bare = asked && isApproval(asked) && !asked.responseSchema?.properties?.editedArgs;
      const question = asked && (bare ? "approval" : "answer");
      const waiting = question ?? (conversation.pending.includes(call.id) ? "result" : null);
      this.tools.get(call.id).update(call, conversation.callInfo(call.id), waiting, conversation.activeRun);
    }
  }
}

class ReasoningView extends View {
  constructor(message, context) {
    super("reasoning", "Reasoning");
    this.context = context;
    this.text = new MarkdownView();
    this.title = h("span");
    this.details = h(
      "details",
      { class: "thought" },
      h("summary", null, icon("brain", 16), this.title, icon("chevron", 16)),
      this.text.element,
    );
    this.element.append(this.details);
    this.update(message);
  }

  update(message) {
    const conversation = this.context.conversation();
    const thinking = conversation.thinking?.id === message.id && Boolean(conversation.activeRun);
    const took = conversation.thoughtFor.get(message.id);
    this.title.textContent = thinking ? "Thinking" : took === undefined ? "Thought" : `Thought for ${duration(took)}`;
    this.element.classList.toggle("active", thinking);
    this.text.update(message.content || (thinking ? "" : "Nothing of it is shown."));
    // Open while it thinks; then the answer is what matters. Whoever opens it again keeps it open.
    if (thinking !== Boolean(this.wasThinking)) this.details.open = thinking;
    this.wasThinking = thinking;
  }
}

/** The result of a call that is not among the messages. */
class ResultView extends View {
  constructor(message) {
    super("orphan", "Result of a tool", panel("Result of a tool", textOf(message.content)));
  }

  update() {}
}

class SystemView extends View {
  constructor(message) {
    super(
      "system",
      `Instructions (${message.role})`,
      h(
        "details",
        { class: "thought" },
        h(
          "summary",
          null,
          icon("document", 16),
          h("span", { text: message.role === "system" ? "System message" : `${message.role} message` }),
          icon("chevron", 16),
        ),
        h("div", { class: "plain", text: textOf(message.content) }),
      ),
    );
  }

  update() {}
}
