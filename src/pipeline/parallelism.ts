/** Blocks that are compressed or decompressed at once: more would be more memory, and wait for the disk. */
export const blocksAtOnce = Math.min(Math.max(navigator.hardwareConcurrency, 2), 4);
