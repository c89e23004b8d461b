import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { PasswordHash } from '../ports/credentials.ts';

const derive = promisify(argon2);

/** One of the sets that OWASP calls equal; 46 MiB goes back to the system after use. */
const cost = { memory: 47_104, passes: 1, parallelism: 1 };
const hashBytes = 32;
const saltBytes = 16;
/** Of memory and cores for everything else: more wait. */
const atOnce = 2;

const form = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/u;

interface Stored {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/**
 * Argon2id, kept as PHC text with its parameters, so that they can grow.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9106 and https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export function openPasswordHash(): PasswordHash {
  const nobody: Stored = { ...cost, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) };
  const turns = new Turns(atOnce);
  const derived = (password: string, { memory, passes, parallelism, salt, hash }: Stored): Promise<Buffer> =>
    turns.take(() =>
      derive('argon2id', {
        // The same characters typed on another system may be other code points.
        message: password.normalize('NFKC'),
        nonce: salt,
        memory,
        passes,
        parallelism,
        tagLength: hash.length,
      }),
    );
  return {
    async hash(password) {
      const fresh: Stored = { ...cost, salt: randomBytes(saltBytes), hash: Buffer.alloc(hashBytes) };
      return textOf({ ...fresh, hash: await derived(password, fresh) });
    },
    async verify(password, hash) {
      const stored = (hash === null ? undefined : storedOf(hash)) ?? nobody;
      const isRight = timingSafeEqual(await derived(password, stored), stored.hash);
      return isRight && stored !== nobody;
    },
  };
}

function textOf({ memory, passes, parallelism, salt, hash }: Stored): string {
  const parameters = `m=${memory},t=${passes},p=${parallelism}`;
  return ['', 'argon2id', 'v=19', parameters, plainBase64(salt), plainBase64(hash)].join('$');
}

function storedOf(text: string): Stored | undefined {
  const [, memory, passes, parallelism, salt = '', hash = ''] = form.exec(text) ?? [];
  if (memory === undefined) return undefined;
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}

function plainBase64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

/** Lets so many work at the same time, and the others wait for their turn. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnceLimit: number) {
    this.#free = atOnceLimit;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
