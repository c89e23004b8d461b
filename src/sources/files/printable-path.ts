import { isUtf8 } from 'node:buffer';

/** A path for people: what is not UTF-8 and what would disturb a terminal is shown as `\x…`. */
export function printablePath(path: Uint8Array): string {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.length);
  if (isUtf8(bytes)) return bytes.toString('utf8').replaceAll(disturbing, (character) => escaped(character.charCodeAt(0)));
  return bytes.toString('latin1').replaceAll(/[^\x20-\x7e]/g, (character) => escaped(character.charCodeAt(0)));
}

// Control characters, and those that turn the direction of writing.
// oxlint-disable-next-line no-control-regex
const disturbing = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

function escaped(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
}
