// The field for words and attachments, with the button that sends or stops.

import { $, announce, h, icon, iconButton } from "./dom.js";
import { attachment } from "./message-view.js";
import { toast } from "./overlays.js";

/** All attachments of a message, in bytes: with base64 and the conversation it has to fit into one request. */
const ATTACHED_MAX = 20 * 1024 * 1024;
const ACCEPTED = /^(image\/(png|jpeg|gif|webp)|application\/pdf)$/;

/** How files begin, whatever their names say. Before a PDF there may be other bytes. */
const BEGINNINGS = [
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
  ["application/pdf", /%PDF-/],
];

export class Composer {
  constructor({ onSend, onStop }) {
    this.onSend = onSend;
    this.onStop = onStop;
    /** `{ part, size }` */
    this.attached = [];
    this.input = h("textarea", {
      id: "message",
      rows: 1,
      placeholder: "Write a message",
      "aria-label": "Message",
      enterkeyhint: "send",
    });
    this.files = h("input", {
      type: "file",
      multiple: true,
      accept: "image/png,image/jpeg,image/gif,image/webp,application/pdf",
      hidden: true,
      tabindex: -1,
      "aria-label": "Files to attach",
    });
    this.chips = h("ul", { class: "chips", "aria-label": "Attachments", hidden: true });
    this.clip = iconButton("clip", "Attach images or PDF", { on: { click: () => this.files.click() } });
    this.button = h("button", { type: "submit", class: "send", id: "send" });
    this.hint = h("span", { class: "composer-hint" });
    this.noticeText = h("span");
    this.noticeButton = h("button", { type: "button", class: "button", hidden: true });
    this.notice = h(
      "div",
      { class: "composer-notice", role: "alert", hidden: true },
      icon("error", 16),
      this.noticeText,
      this.noticeButton,
      iconButton("close", "Dismiss", { on: { click: () => this.say(null) } }),
    );
    // Until there is somebody to talk to.
    this.button.disabled = true;
    this.element = $("composer");
    this.element.append(
      this.notice,
      h(
        "div",
        { class: "composer-box" },
        this.chips,
        this.input,
        h(
          "div",
          { class: "composer-bar" },
          this.clip,
          this.files,
          this.hint,
          this.button,
        ),
      ),
    );
    this.#listen();
    this.update("idle", true);
  }

  #listen() {
    this.input.addEventListener("input", () => this.#changed());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (this.status === "idle") this.element.requestSubmit();
      else if (this.status !== "loading") {
        // What the hint says is said louder, also where it is hidden.
        this.hint.classList.add("asked");
        announce("The agent is still at work. Stop it first, or wait.");
      }
    });
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.status === "idle") this.#send();
      else this.onStop();
    });
    this.files.addEventListener("change", () => {
      this.#attach([...this.files.files]);
      this.files.value = "";
    });
    this.input.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files];
      if (!files.length) return;
      event.preventDefault();
      this.#attach(files);
    });
    const chat = $("chat");
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    chat.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      chat.classList.add("dropping");
    });
    for (const type of ["dragleave", "drop"])
      chat.addEventListener(
        type,
        (event) =>
          (type === "drop" || event.target === chat || !chat.contains(event.relatedTarget)) && chat.classList.remove("dropping"),
      );
    chat.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.#attach([...event.dataTransfer.files]);
    });
  }

  #send() {
    const text = this.input.value.trim();
    if (!this.ready) return;
    if (!text && !this.attached.length) return this.focus();
    const { attached } = this;
    const sent = this.onSend(text, attached.map(({ part }) => part));
    if (!sent) return;
    this.attached = [];
    this.#showChips();
    this.setText("");
    // What cannot be sent after all is not lost, nor what was written meanwhile.
    sent.then((taken) => {
      if (taken) return;
      this.attached = [...attached, ...this.attached];
      this.#showChips();
      this.setText([text, this.input.value].filter(Boolean).join("\n"));
    });
  }

  async #attach(files) {
    const refused = [];
    for (const file of files) {
      const reason = await this.#attachOne(file).catch(() => "cannot be read");
      if (reason) refused.push(`${file.name}: ${reason}`);
      else announce(`${file.name} is attached`);
    }
    if (refused.length) toast(refused.join(". "), { error: true });
    this.#showChips();
    this.input.focus();
  }

  /** Takes a file, or says why not. */
  async #attachOne(file) {
    if (!ACCEPTED.test(file.type)) return "only PNG, JPEG, GIF, WebP and PDF can be attached";
    if (!file.size) return "the file is empty";
    if (this.attached.reduce((all, { size }) => all + size, file.size) > ATTACHED_MAX)
      return "attachments may have 20 MB together";
    const [type] = file.type.split("/");
    const mimeType = await typeOf(file);
    if (!mimeType?.startsWith(type)) return type === "image" ? "this is no picture" : "this is no PDF";
    const value = await base64(file);
    const part = { type: type === "image" ? "image" : "document", source: { type: "data", value, mimeType } };
    this.attached.push({ size: file.size, part: { ...part, metadata: { filename: file.name } } });
    return null;
  }

  /** What stands above the field. */
  get said() {
    return this.notice.hidden ? "" : this.noticeText.textContent;
  }

  /** Says something right above the field, until it is dismissed or said otherwise; with `action` there is a button. */
  say(text, action) {
    this.notice.hidden = !text;
    this.noticeText.textContent = text ?? "";
    this.noticeButton.hidden = !action;
    this.noticeButton.textContent = action?.label ?? "";
    this.noticeButton.onclick = action?.run ?? null;
  }

  /** The field holds something else: its height, and whether there is something to send. */
  #changed() {
    this.#grow();
    this.#showEmpty();
  }

  #showEmpty() {
    const nothing = this.status === "idle" && !this.input.value.trim() && !this.attached.length;
    this.button.classList.toggle("nothing", nothing);
    this.button.setAttribute("aria-disabled", String(nothing));
  }

  #showChips() {
    this.#showEmpty();
    this.chips.hidden = !this.attached.length;
    this.chips.replaceChildren(
      ...this.attached.map((entry) => {
        const name = entry.part.metadata.filename;
        const remove = () => {
          this.attached = this.attached.filter((other) => other !== entry);
          this.#showChips();
          this.input.focus();
        };
        return h(
          "li",
          { class: "chip" },
          attachment(entry.part),
          h("span", { class: "chip-name", text: name }),
          iconButton("close", `Remove ${name}`, { on: { click: remove } }),
        );
      }),
    );
  }

  #grow() {
    this.input.style.height = "auto";
    // Where the browser measures nothing yet, the style sheet's height holds.
    if (this.input.scrollHeight) this.input.style.height = `${Math.min(this.input.scrollHeight, 220)}px`;
  }

  setText(text) {
    this.input.value = text;
    this.#changed();
  }

  focus() {
    this.input.focus();
  }

  /** `ready` says whether there is an agent to talk to. */
  update(status, ready) {
    if (status === this.status && ready === this.ready) return;
    this.status = status;
    this.ready = ready;
    const stops = status !== "idle";
    const label = stops ? (status === "stopping" ? "Stopping" : "Stop") : "Send";
    this.button.replaceChildren(icon(stops ? "stop" : "arrowUp", 18));
    this.button.setAttribute("aria-label", label);
    this.button.title = label;
    this.button.classList.toggle("stops", stops);
    this.button.disabled = !ready || status === "stopping" || status === "loading";
    this.#showEmpty();
    this.hint.classList.remove("asked");
    this.hint.replaceChildren(
      ...(["running", "reconnecting", "stopping"].includes(status)
        ? [h("kbd", { text: "Enter" }), ": stop first, or wait"]
        : [h("kbd", { text: "Shift" }), "+", h("kbd", { text: "Enter" }), ": new line"]),
    );
  }
}

/** What a file is by its bytes, or null; a picture is one that can be drawn. */
async function typeOf(file) {
  const bytes = new Uint8Array(await file.slice(0, 1024).arrayBuffer());
  const beginning = String.fromCharCode(...bytes);
  const type = BEGINNINGS.find(([, pattern]) => pattern.test(beginning))?.[0] ?? null;
  if (!type?.startsWith("image/")) return type;
  const drawn = await createImageBitmap(file).catch(() => null);
  drawn?.close();
  return drawn && type;
}

function base64(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(file);
  });
}
