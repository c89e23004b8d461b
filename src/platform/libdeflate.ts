import type { Deflate } from '../ports/compressors.ts';
import { type BackgroundCall, type Call, inBackground, loadCalls, Loans, standBack } from './native-calls.ts';

/** The name that its releases since 2016 share, whose interface is kept. Level 0 came with 1.7. */
const sharedLibrary = 'libdeflate.so.0';

/**
 * The system's libdeflate (https://github.com/ebiggers/libdeflate): half again as fast as zlib at the same size. Undefined
 * where there is none, or it cannot be called.
 */
export async function loadLibdeflate(): Promise<Deflate | undefined> {
  return process.platform === 'linux' ? await loadCalls(sharedLibrary, (declare) => new Libdeflate(declare)) : undefined;
}

class Libdeflate implements Deflate {
  readonly #allocCompressor: Call;
  readonly #compressors = new Map<number, Loans>();
  readonly #decompressors: Loans;
  readonly #compress: BackgroundCall;
  readonly #decompress: BackgroundCall;
  readonly #crc32: BackgroundCall;

  constructor(declare: (definition: string) => Call) {
    this.#allocCompressor = declare('void *libdeflate_alloc_compressor(int level)');
    if ((this.#allocCompressor(0) as unknown) === null) throw new Error('libdeflate is older than 1.7');
    this.#decompressors = new Loans(declare('void *libdeflate_alloc_decompressor()'));
    this.#compress = inBackground(
      declare('size_t libdeflate_deflate_compress(void *compressor, const void *in, size_t in_size, void *out, size_t out_size)'),
    );
    // Without a place for the actual size it succeeds only when the output is filled.
    this.#decompress = inBackground(
      declare(
        'int libdeflate_deflate_decompress(void *decompressor, const void *in, size_t in_size, void *out, size_t out_size, void *actual)',
      ),
    );
    this.#crc32 = inBackground(declare('uint32_t libdeflate_crc32(uint32_t crc, const void *bytes, size_t size)'));
  }

  async deflate(bytes: Uint8Array, into: Uint8Array, level: number): Promise<number> {
    const compress = (compressor: unknown): Promise<number> => this.#compress(compressor, bytes, bytes.length, into, into.length);
    const sizeBytes = await this.#compressorsOf(level).use(compress, level);
    standBack();
    if (sizeBytes === 0) throw new Error(`${bytes.length} bytes do not fit into ${into.length} when compressed`);
    return sizeBytes;
  }

  async inflate(bytes: Uint8Array, into: Uint8Array): Promise<void> {
    const result = await this.#decompressors.use((decompressor) =>
      this.#decompress(decompressor, bytes, bytes.length, into, into.length, null),
    );
    if (result !== 0)
      throw new Error(result === 1 ? 'the compressed data is damaged' : 'the compressed data is of another length than it says');
  }

  async crc32(bytes: Uint8Array): Promise<number> {
    return await this.#crc32(0, bytes, bytes.length);
  }

  /** Kept for the life of the process: each takes up to a megabyte, and a run uses one or two levels. */
  #compressorsOf(level: number): Loans {
    const known = this.#compressors.get(level);
    if (known !== undefined) return known;
    const compressors = new Loans(this.#allocCompressor);
    this.#compressors.set(level, compressors);
    return compressors;
  }
}
