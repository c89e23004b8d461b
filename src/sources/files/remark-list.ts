interface Kind {
  readonly first: string;
  count: number;
}

const mostKinds = 100;

/** What a file system would not take beside content, one remark for each kind of it. */
export class RemarkList {
  readonly #kinds = new Map<string, Kind>();
  #more = 0;

  add(kind: string, path: string): void {
    const known = this.#kinds.get(kind);
    if (known !== undefined) known.count += 1;
    else if (this.#kinds.size < mostKinds) this.#kinds.set(kind, { first: path, count: 1 });
    else this.#more += 1;
  }

  all(): readonly string[] {
    const listed = [...this.#kinds].map(([kind, { first, count }]) => `${kind}: "${first}"${count > 1 ? ` and ${count - 1} more` : ''}`);
    return this.#more === 0 ? listed : [...listed, `${this.#more} more that are not listed`];
  }
}
