import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../domain/errors.ts';
import { promoteAll, type Prepared } from './restore-promotion.ts';

const signal = new AbortController().signal;

/** Parts that write down what is done to them. */
function parts(...names: readonly string[]) {
  const said: string[] = [];
  const part = (name: string): Prepared<string> => ({
    what: name,
    async promote() {
      said.push(`promote ${name}`);
      return {
        result: name,
        kept: `"${name}_old"`,
        undo: () => void said.push(`undo ${name}`),
        undoCommands: [`take back ${name}`],
      };
    },
  });
  return { said, prepared: names.map(part) };
}

function failing(code: 'TARGET_FAILED' | 'RESTORE_HALF_DONE'): Prepared<string> {
  return { what: 'the bad one', promote: () => Promise.reject(new HoldfastError(code, 'It cannot be', { hint: 'Try' })) };
}

/** What was promoted stays, whatever is tried. */
function stuck(part: Prepared<string>): Prepared<string> {
  const undo = () => Promise.reject(new Error('it is stuck'));
  return { ...part, promote: async () => ({ ...(await part.promote(signal)), undo }) };
}

test('parts are promoted in order', async () => {
  const { prepared, said } = parts('a', 'b');
  expect(await promoteAll(prepared, signal)).toEqual(['a', 'b']);
  expect(said).toEqual(['promote a', 'promote b']);
});

test('a part that must come last does, and is the last that is left alone when another fails', async () => {
  const { prepared, said } = parts('last', 'a');
  const [last, first] = prepared.map((part) => ({ ...part, comesLast: part.what === 'last' }));
  expect(await promoteAll([last!, first!], signal)).toEqual(['a', 'last']);
  expect(said).toEqual(['promote a', 'promote last']);
  await expect(promoteAll([last!, failing('TARGET_FAILED')], signal)).rejects.toThrow('It cannot be');
  expect(said).toEqual(['promote a', 'promote last']);
});

describe('when a part fails', () => {
  test('those before it are put back, last first, and those after it never begun', async () => {
    const { prepared, said } = parts('a', 'b', 'c');
    const [a, b, c] = prepared as [Prepared<string>, Prepared<string>, Prepared<string>];
    await expect(promoteAll([a, b, failing('TARGET_FAILED'), c], signal)).rejects.toMatchObject({
      code: 'TARGET_FAILED',
      message: 'It cannot be; what was in place by then was put back: a, b',
      hint: 'Try',
    });
    expect(said).toEqual(['promote a', 'promote b', 'undo b', 'undo a']);
  });

  test('and one cannot be put back, it is told what is new, what is old, and how to go back', async () => {
    const { prepared, said } = parts('a', 'b', 'c', 'd');
    const [a, b, c, d] = prepared as [Prepared<string>, Prepared<string>, Prepared<string>, Prepared<string>];
    await expect(promoteAll([a, stuck(b), c, failing('TARGET_FAILED'), d], signal)).rejects.toMatchObject({
      code: 'RESTORE_HALF_DONE',
      message:
        'Cannot restore the bad one, nor put everything back: It cannot be; it is stuck; restored: b (what stood there is now "b_old"); as before: a, c, the bad one, d',
      hint: 'Stop the application, then go back to what was before: take back b',
      details: { restored: [{ what: 'b', kept: '"b_old"', undoCommands: ['take back b'] }], asBefore: ['a', 'c', 'the bad one', 'd'] },
    });
    expect(said).toEqual(['promote a', 'promote b', 'promote c', 'undo c', 'undo a']);
  });

  test('and does not know itself where it ended, it is told that all else is as it was', async () => {
    const { prepared } = parts('a', 'b');
    const [a, b] = prepared as [Prepared<string>, Prepared<string>];
    await expect(promoteAll([a, failing('RESTORE_HALF_DONE'), b], signal)).rejects.toMatchObject({
      code: 'RESTORE_HALF_DONE',
      message: 'It cannot be; that is the bad one, all else is as it was: a, b',
      hint: 'Try',
    });
  });
});

test('an abort between two parts puts the first back', async () => {
  const { prepared, said } = parts('a', 'b');
  const [a, b] = prepared as [Prepared<string>, Prepared<string>];
  const controller = new AbortController();
  const aborting: Prepared<string> = {
    ...a,
    promote: async (given) => {
      controller.abort();
      return await a.promote(given);
    },
  };
  await expect(promoteAll([aborting, b], controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(said).toEqual(['promote a', 'undo a']);
});
