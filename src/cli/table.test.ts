import { describe, expect, it } from 'vitest';
import { table } from './table.ts';

const header = ['SNAPSHOT', 'SIZE', 'STORE', 'NOTE'];
const rows = [
  ['home-20261121-020000', '12 MB', '/srv/backups', ''],
  ['home-20261120-020000', '9 MB', '/srv/backups', '\u001b[33mbefore the move\u001b[0m'],
];
const wide = `SNAPSHOT               SIZE  STORE         NOTE
────────────────────  ─────  ────────────  ───────────────
home-20261121-020000  12 MB  /srv/backups
home-20261120-020000   9 MB  /srv/backups  \u001b[33mbefore the move\u001b[0m`;

describe('a table', () => {
  it.each([undefined, null, 58, 59, 80, 1000])('on %s columns has its columns', (columns) => {
    expect(table(header, rows, { right: [1], ...(columns === undefined ? {} : { columns }) })).toBe(wide);
  });

  it('that does not fit on a narrow terminal has a block for each row', () => {
    expect(table(header, rows, { right: [1], columns: 40 })).toBe(`home-20261121-020000
  SIZE   12 MB
  STORE  /srv/backups

home-20261120-020000
  SIZE   9 MB
  STORE  /srv/backups
  NOTE   \u001b[33mbefore the move\u001b[0m`);
  });

  it('of a hundred thousand rows can be made, and of none', () => {
    expect(
      table(
        ['A'],
        Array.from({ length: 200_000 }, () => ['x']),
      ).split('\n'),
    ).toHaveLength(200_002);
    expect(table(['A', 'B'], [], { columns: 2 })).toBe('');
  });
});
