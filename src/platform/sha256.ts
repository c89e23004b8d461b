import { createHash, type Hash } from 'node:crypto';
import { type BackgroundCall, type Call, inBackground, loadCalls } from './native-calls.ts';

/** Less is hashed at once: handing it to another thread would take as long. */
const leastBytes = 64 << 10;
/** More than SHA256_CTX takes (112 bytes). */
const stateBytes = 256;
const digestBytes = 32;

/** The SHA-256 of the OpenSSL that Node is linked with, whose steps can be taken on another thread. @see SHA256_Init(3) */
class Sha256Calls {
  readonly init: Call;
  readonly update: Call;
  readonly final: Call;
  readonly updateInBackground: BackgroundCall;

  constructor(declare: (definition: string) => Call) {
    this.init = declare('int SHA256_Init(void *state)');
    this.update = declare('int SHA256_Update(void *state, const void *bytes, size_t size)');
    this.final = declare('int SHA256_Final(void *digest, void *state)');
    this.updateInBackground = inBackground(this.update);
  }
}

let loading: Promise<Sha256Calls | undefined> | undefined;

function loadSha256(): Promise<Sha256Calls | undefined> {
  return (loading ??= loadCalls(null, (declare) => new Sha256Calls(declare)));
}

/** One SHA-256. Large pieces are hashed on another thread, where that can be had. */
export class Sha256 {
  #steps: Promise<Steps> = open();

  /** The bytes must stay as they are until it resolves. */
  update(bytes: Uint8Array): Promise<void> {
    const steps = this.#steps.then(async (known) => {
      await known.update(bytes);
      return known;
    });
    this.#steps = steps;
    return steps.then(() => undefined);
  }

  /** Lower-case hex. Call it once, last. */
  async digest(): Promise<string> {
    return (await this.#steps).digest();
  }
}

interface Steps {
  update(bytes: Uint8Array): void | Promise<void>;
  digest(): string;
}

async function open(): Promise<Steps> {
  const calls = await loadSha256();
  return calls === undefined ? new NodeSteps() : new NativeSteps(calls);
}

class NodeSteps implements Steps {
  readonly #hash: Hash = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

class NativeSteps implements Steps {
  readonly #calls: Sha256Calls;
  readonly #state = Buffer.allocUnsafeSlow(stateBytes);

  constructor(calls: Sha256Calls) {
    this.#calls = calls;
    requireDone(calls.init(this.#state));
  }

  update(bytes: Uint8Array): void | Promise<void> {
    if (bytes.length >= leastBytes) return this.#updateInBackground(bytes);
    requireDone(this.#calls.update(this.#state, bytes, bytes.length));
  }

  async #updateInBackground(bytes: Uint8Array): Promise<void> {
    requireDone(await this.#calls.updateInBackground(this.#state, bytes, bytes.length));
  }

  digest(): string {
    const digest = Buffer.allocUnsafeSlow(digestBytes);
    requireDone(this.#calls.final(digest, this.#state));
    return digest.toString('hex');
  }
}

/** They return 1; 0 would be a failure, of which SHA-256 knows none. */
function requireDone(result: number): void {
  if (result !== 1) throw new Error('SHA-256 cannot be computed');
}
