import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { OneTimeCodes } from '../ports/credentials.ts';

const stepMs = 30_000;
const digits = 6;
/** Clocks may be this many steps apart. */
const tolerance = 1;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * Time-based one-time passwords with the parameters that every authenticator app takes: SHA-1, 30 s, six digits.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6238 and https://github.com/google/google-authenticator/wiki/Key-Uri-Format
 */
export const oneTimeCodes: OneTimeCodes = {
  newSecret: () => base32(randomBytes(20)),
  uri: (secret, account) =>
    `otpauth://totp/Holdfast:${encodeURIComponent(account)}?secret=${secret}&issuer=Holdfast&algorithm=SHA1&digits=${digits}&period=30`,
  step({ secret, code, now, usedStep }) {
    const key = fromBase32(secret);
    const current = Math.floor(now.getTime() / stepMs);
    for (let step = current - tolerance; step <= current + tolerance; step++)
      if (step > (usedStep ?? -1) && isEqual(codeOf(key, step), code)) return step;
    return null;
  },
};

/** @see https://www.rfc-editor.org/rfc/rfc4226#section-5.3 */
function codeOf(key: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** digits).padStart(digits, '0');
}

function isEqual(right: string, given: string): boolean {
  return given.length === right.length && timingSafeEqual(Buffer.from(right), Buffer.from(given.padEnd(right.length).slice(0, digits)));
}

/** @see https://www.rfc-editor.org/rfc/rfc4648#section-6 */
function base32(bytes: Buffer): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/gu) ?? []).map((five) => alphabet.charAt(Number.parseInt(five, 2))).join('');
}

function fromBase32(text: string): Buffer {
  const bits = Array.from(text, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/gu) ?? []).map((eight) => Number.parseInt(eight, 2)));
}
