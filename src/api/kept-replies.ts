import type { History } from '../ports/history.ts';

/** A dashboard asks for few, and each may be a megabyte. */
const keptAtOnce = 10;

/**
 * Replies that take their time to make, as bytes, for as long as the history is what it was, whoever writes it. Those who ask for the
 * same at the same time wait for the same.
 */
export class KeptReplies {
  readonly #history: Pick<History, 'revision'>;
  readonly #replies = new Map<string, Promise<Buffer>>();
  #revision: string | null = null;

  constructor(history: Pick<History, 'revision'>) {
    this.#history = history;
  }

  /** What `make` gives, as JSON. `key` tells all that it depends on beside the history. */
  async json(key: string, make: () => Promise<object>): Promise<Buffer> {
    // Asked for before it is made: what is written meanwhile has it made anew.
    const revision = await this.#history.revision();
    if (revision !== this.#revision) this.#replies.clear();
    this.#revision = revision;
    const reply = this.#replies.get(key) ?? this.#make(key, make);
    return await reply;
  }

  async #make(key: string, make: () => Promise<object>): Promise<Buffer> {
    const making = make().then((body) => Buffer.from(JSON.stringify(body)));
    this.#replies.set(key, making);
    const [oldest] = this.#replies.keys();
    if (this.#replies.size > keptAtOnce && oldest !== undefined) this.#replies.delete(oldest);
    try {
      return await making;
    } catch (error) {
      if (this.#replies.get(key) === making) this.#replies.delete(key);
      throw error;
    }
  }
}
