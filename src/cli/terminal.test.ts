import { describe, expect, it, test } from 'vitest';
import { Terminal } from './terminal.ts';

function terminalOf(columns: number | undefined) {
  const written: string[] = [];
  let nowMs = 0;
  const stream = { isTTY: true, ...(columns === undefined ? {} : { columns }), write: (text: string) => written.push(text) };
  const terminal = new Terminal({ out: stream, err: stream }, { debug: false, colour: false, monotonicMs: () => nowMs });
  /** What stands on the line of a step that is half done after ten seconds. */
  const halfDone = (label: string) => {
    terminal.step(label, 2_000_000_000, () => {
      nowMs = 10_000;
      return 1_000_000_000;
    });
    terminal.endProgress();
    return written.map((text) => text.replace('\r\u001b[K', '')).find((text) => text !== '') ?? '';
  };
  return { terminal, halfDone, written };
}

describe('a terminal', () => {
  it.each([[0], [undefined]])('that says it is %s columns wide is taken for an ordinary one', (columns) => {
    const { terminal, halfDone } = terminalOf(columns);
    expect(terminal.columns).toBeNull();
    expect(halfDone('backing up')).toMatch(/^backing up {2}\[█{10}░{10}\] 50 % .* left$/);
  });

  it.each([
    [200, 'reading the archive of shop', /^reading the archive of shop {2}\[.*\] 50 % .* left$/],
    [40, 'reading shop', /^reading shop {2}50 %, .* left$/],
    [40, 'reading the archive of a large shop', /^reading the archive of a large s?h?o?p? {2}50 %$/],
    [12, 'reading the archive', /^readi {2}50 %$/],
    [1, 'reading', /^$/],
  ])('of %i columns shows what fits on one line', (columns, label, expected) => {
    const line = terminalOf(columns).halfDone(label);
    expect(line).toMatch(expected);
    expect(line.length).toBeLessThan(columns);
  });
});

test('what to do next stands below a warning, facts at its end', () => {
  const { terminal, written } = terminalOf(undefined);
  terminal.warn('The disk is nearly full', { freeBytes: 3, store: 'usb', next: 'Make room' });
  expect(written.join('')).toBe('warning: The disk is nearly full freeBytes=3 store=usb\n  → Make room\n');
});
