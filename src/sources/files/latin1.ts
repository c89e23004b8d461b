/** Bytes as a string with one character for each: holds any file name, compares and joins as cheaply as text. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

export function latin1Bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
