import { expect, test } from 'vitest';
import { attachment } from './attachment.ts';

test.each([
  ['letter.txt', 'attachment; filename="letter.txt"'],
  ['a "b" \\ 50%.txt', `attachment; filename="a _b_ _ 50_.txt"; filename*=UTF-8''a%20%22b%22%20%5C%2050%25.txt`],
  ['two\r\nX-Evil: 1', `attachment; filename="two__X-Evil: 1"; filename*=UTF-8''two%0D%0AX-Evil%3A%201`],
  ['Übersicht (1)*.ods', `attachment; filename="_bersicht (1)*.ods"; filename*=UTF-8''%C3%9Cbersicht%20%281%29%2A.ods`],
  ['😀.png', `attachment; filename="_.png"; filename*=UTF-8''%F0%9F%98%80.png`],
  [Buffer.from([0xff, 0x2e, 0x61]).toString(), `attachment; filename="_.a"; filename*=UTF-8''%EF%BF%BD.a`],
])('%j is told in letters that every program reads, and as it is', (name, header) => {
  expect(attachment(name)).toBe(header);
  expect(new Headers({ 'content-disposition': header }).get('content-disposition')).toBe(header);
});
