// Tokens, time and cost of a run. Pure.

const COUNT = new Intl.NumberFormat("en");

/**
 * Tokens over all models of a run, and the cost in US dollars where it can be told.
 *
 * `prices` is `{ "provider/model": { input, output, cachedInput, cacheWrite } }`, in US dollars for a million tokens. A
 * cost is shown only when it is that of all models of the run.
 */
export function total(usage, prices) {
  if (!usage?.length) return null;
  const sum = (name) => usage.reduce((all, entry) => all + (entry[name] ?? 0), 0);
  const [input, output] = [sum("inputTokens"), sum("outputTokens")];
  const costs = usage.map((entry) => cost(entry, prices));
  return {
    input,
    output,
    cached: sum("cachedInputTokens"),
    reasoning: sum("reasoningTokens"),
    tokens: sum("totalTokens") || input + output,
    cost: costs.every((one) => one !== null) ? costs.reduce((all, one) => all + one, 0) : null,
    models: [...new Set(usage.map((entry) => [entry.provider, entry.model].filter(Boolean).join("/")).filter(Boolean))],
  };
}

function cost(entry, prices) {
  const price = prices?.[`${entry.provider}/${entry.model}`];
  if (!price) return null;
  const [input, output] = [entry.inputTokens ?? 0, entry.outputTokens ?? 0];
  const read = Math.min(entry.cachedInputTokens ?? 0, input);
  const written = Math.min(entry.cacheWriteInputTokens ?? 0, input - read);
  // As the server counts it: who only says the total is believed.
  const rest = input + output ? 0 : (entry.totalTokens ?? 0);
  const million =
    (input - read - written + rest) * price.input +
    read * (price.cachedInput ?? price.input) +
    written * (price.cacheWrite ?? price.input) +
    output * price.output;
  return million / 1e6;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export const count = (number) => COUNT.format(number);

export function money(dollars) {
  if (dollars === 0) return "$0";
  return dollars < 0.01 ? `$${dollars.toPrecision(2)}` : `$${dollars.toFixed(2)}`;
}

/** A run in one line: time, tokens, cost. */
export function summary(run, prices) {
  const used = total(run.usage, prices);
  const parts = [];
  if (run.ms !== undefined) parts.push(duration(run.ms));
  if (used) parts.push(`${count(used.tokens)} tokens`);
  if (used?.cost !== null && used?.cost !== undefined) parts.push(money(used.cost));
  return parts.join(" · ");
}

/** The same with all that is known, line by line. */
export function detail(run, prices) {
  const used = total(run.usage, prices);
  if (!used) return "";
  const lines = [`${count(used.input)} in, ${count(used.output)} out`];
  if (used.cached) lines.push(`${count(used.cached)} of the input from a cache`);
  if (used.reasoning) lines.push(`${count(used.reasoning)} of the output for reasoning`);
  if (used.models.length) lines.push(used.models.join(", "));
  return lines.join("\n");
}
