import { readFileSync } from 'node:fs';
import type { Random } from './random.ts';
import { textFiles } from './trees.ts';

const corpusBytes = 12_000_000;

/** Sentences with the statistics of real text: runs of a few words each, taken from documentation on this machine. */
export class Prose {
  readonly #random: Random;
  readonly #words: readonly string[];

  constructor(random: Random) {
    this.#random = random;
    this.#words =
      corpus()
        .toLowerCase()
        .match(/[a-z][a-z']{0,14}/g) ?? [];
    if (this.#words.length < 1000) throw new Error('This machine has too little text below /usr to make sentences of');
  }

  word(): string {
    return this.#random.pick(this.#words).replaceAll("'", '');
  }

  sentence(length: number): string {
    const words: string[] = [];
    while (words.length < length) {
      const run = this.#random.integer(2, 6);
      const start = this.#random.integer(0, this.#words.length - run);
      words.push(...this.#words.slice(start, start + run));
    }
    const text = words.slice(0, length).join(' ');
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  }
}

function corpus(): string {
  let text = '';
  for (const { path } of textFiles(['/usr/share', '/usr/lib'])) {
    if (/\.(pod|txt|py|md|rst)$/.test(path)) text += readFileSync(path, 'latin1');
    if (text.length > corpusBytes) break;
  }
  return text;
}
