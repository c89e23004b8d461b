import type { Deflate } from '../ports/deflate.ts';

/** The name that its releases since 2016 share, whose interface is kept. */
const sharedLibrary = 'libdeflate.so.0';

type Call = (...parameters: readonly unknown[]) => number;

/**
 * The system's libdeflate (https://github.com/ebiggers/libdeflate): half again as fast as zlib at the same size. Undefined
 * where there is none, or it cannot be called.
 */
export async function loadLibdeflate(): Promise<Deflate | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(sharedLibrary);
    return new Libdeflate((definition) => library.func(definition));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

class Libdeflate implements Deflate {
  readonly #allocCompressor: (level: number) => unknown;
  readonly #compressors = new Map<number, unknown>();
  readonly #decompressor: unknown;
  readonly #compress: Call;
  readonly #decompress: Call;
  readonly #crc32: Call;

  constructor(declare: (definition: string) => Call) {
    this.#allocCompressor = declare('void *libdeflate_alloc_compressor(int level)');
    this.#decompressor = declare('void *libdeflate_alloc_decompressor()')();
    this.#compress = declare(
      'size_t libdeflate_deflate_compress(void *compressor, const void *in, size_t in_size, void *out, size_t out_size)',
    );
    // Without a place for the actual size it succeeds only when the output is filled.
    this.#decompress = declare(
      'int libdeflate_deflate_decompress(void *decompressor, const void *in, size_t in_size, void *out, size_t out_size, void *actual)',
    );
    this.#crc32 = declare('uint32_t libdeflate_crc32(uint32_t crc, const void *bytes, size_t size)');
  }

  deflate(bytes: Uint8Array, into: Uint8Array, level: number): number {
    const sizeBytes = this.#compress(this.#compressor(level), bytes, bytes.length, into, into.length);
    if (sizeBytes === 0) throw new Error(`${bytes.length} bytes do not fit into ${into.length} when compressed`);
    return sizeBytes;
  }

  inflate(bytes: Uint8Array, into: Uint8Array): void {
    const result = this.#decompress(this.#decompressor, bytes, bytes.length, into, into.length, null);
    if (result !== 0)
      throw new Error(result === 1 ? 'the compressed data is damaged' : 'the compressed data is of another length than it says');
  }

  crc32(bytes: Uint8Array): number {
    return this.#crc32(0, bytes, bytes.length);
  }

  /** Kept for the life of the thread: each takes up to a megabyte, and a run uses one or two. */
  #compressor(level: number): unknown {
    const known = this.#compressors.get(level);
    if (known !== undefined) return known;
    const compressor = this.#allocCompressor(level);
    if (compressor === null) throw new Error('not enough memory for a compressor');
    this.#compressors.set(level, compressor);
    return compressor;
  }
}
