import type { Zstd } from '../ports/compressors.ts';
import { type BackgroundCall, type Call, inBackground, loadCalls, Loans, standBack } from './native-calls.ts';

/** ZSTD_c_compressionLevel. @see https://facebook.github.io/zstd/zstd_manual.html */
const compressionLevel = 100;

/** The zstd that Node itself is linked with, called without a stream around it; undefined where it cannot be. */
export function loadNodeZstd(): Promise<Zstd | undefined> {
  return loadCalls(null, (declare) => new NodeZstd(declare));
}

class NodeZstd implements Zstd {
  readonly #compressors: Loans;
  readonly #decompressors: Loans;
  readonly #setParameter: Call;
  readonly #compress: BackgroundCall;
  readonly #decompress: BackgroundCall;
  readonly #isError: Call;
  readonly #errorName: Call;

  constructor(declare: (definition: string) => Call) {
    this.#compressors = new Loans(declare('void *ZSTD_createCCtx()'));
    this.#decompressors = new Loans(declare('void *ZSTD_createDCtx()'));
    this.#setParameter = declare('size_t ZSTD_CCtx_setParameter(void *context, int parameter, int value)');
    this.#compress = inBackground(
      declare('size_t ZSTD_compress2(void *context, void *out, size_t out_size, const void *in, size_t in_size)'),
    );
    this.#decompress = inBackground(
      declare('size_t ZSTD_decompressDCtx(void *context, void *out, size_t out_size, const void *in, size_t in_size)'),
    );
    this.#isError = declare('uint ZSTD_isError(size_t code)');
    this.#errorName = declare('const char *ZSTD_getErrorName(size_t code)');
  }

  async compress(bytes: Uint8Array, into: Uint8Array, level: number): Promise<number> {
    const result = await this.#compressors.use((context) => {
      this.#checked(this.#setParameter(context, compressionLevel, level));
      return this.#compress(context, into, into.length, bytes, bytes.length);
    });
    standBack();
    return this.#checked(result);
  }

  async decompress(frame: Uint8Array, into: Uint8Array): Promise<void> {
    const result = await this.#decompressors.use((context) => this.#decompress(context, into, into.length, frame, frame.length));
    if (this.#checked(result) !== into.length) throw new Error(`it holds ${result} bytes and says ${into.length}`);
  }

  #checked(result: number): number {
    if (this.#isError(result) === 0) return result;
    throw new Error(`the compressed data cannot be used: ${String(this.#errorName(result))}`);
  }
}
