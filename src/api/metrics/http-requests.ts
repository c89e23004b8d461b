/** How many requests were answered, by method and status. */
export class HttpRequests {
  readonly #counts = new Map<string, number>();

  count(method: string, code: number): void {
    const key = `${method} ${code}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  counts(): readonly { readonly method: string; readonly code: string; readonly count: number }[] {
    return [...this.#counts].map(([key, count]) => {
      const [method = '', code = ''] = key.split(' ');
      return { method, code, count };
    });
  }
}
