import { open } from 'node:fs/promises';
import type { ReadTextFile } from '../ports/text-file.ts';

/** Also reads pipes and devices (`<(age -d key.age)`), whose size is not known beforehand. */
export const readTextFile: ReadTextFile = async (path, maxBytes) => {
  await using file = await open(path, 'r');
  const { mode } = await file.stat();
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length > maxBytes) throw Object.assign(new Error(`${path} is larger than ${maxBytes} bytes`), { code: 'EFBIG' });
  return { text: buffer.toString('utf8', 0, length), mode: mode & 0o7777 };
};
