// What tokens cost, as the server knows it.

/** Asks for the price of a model once, when a run has used it. */
export class Prices {
  /** Prices by `provider/model`; another object whenever one more is known. */
  known = {};
  #asked = new Set();

  constructor(api, onChange) {
    this.api = api;
    this.onChange = onChange;
  }

  /** Finds out what these runs cost. Where that cannot be told, no cost is shown. */
  async want(runs) {
    const used = runs.flatMap((run) => run.usage ?? []).map(({ provider, model }) => `${provider}/${model}`);
    const models = [...new Set(used)].filter((model) => !this.#asked.has(model));
    if (!models.length) return;
    for (const model of models) this.#asked.add(model);
    try {
      this.known = { ...this.known, ...(await this.api.prices(models)) };
      this.onChange();
    } catch (error) {
      console.warn("The prices cannot be read:", error.message);
    }
  }

  /** The server may know others by now. */
  forget() {
    this.#asked.clear();
  }
}
