// Server-sent events of a fetch: EventSource can neither send a body nor a header.

/**
 * What has arrived, as `{ id, event }`, many at a time: one hand-over for each piece of the body and not one for each
 * event. `id` is empty where the server gave none.
 */
export async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let id = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      // What was not ended by an empty line is not an event.
      if (done) return;
      const batch = [];
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length) batch.push({ id, event: JSON.parse(data.join("\n")) });
          data = [];
          id = "";
        } else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
        else if (line.startsWith("id:")) id = line.slice(3).trim();
      }
      if (batch.length) yield batch;
    }
  } finally {
    // Whoever stops reading has no use for the connection.
    reader.cancel().catch(() => {});
  }
}
