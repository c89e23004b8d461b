import { expect, test } from 'vitest';
import { HoldfastError } from '../domain/errors.ts';
import { failedOutcome, tellError } from './record-run.ts';

async function failsTwice(first: Error): Promise<unknown> {
  try {
    await using _closing = { [Symbol.asyncDispose]: () => Promise.reject(new Error('the connection was closed already')) };
    throw first;
  } catch (error) {
    return error;
  }
}

test('when closing fails after a failure, the failure is what is told', async () => {
  const cancelled = new HoldfastError('CANCELLED', 'Stopped by SIGTERM', { hint: 'Run the command again' });
  const thrown = await failsTwice(cancelled);
  expect(thrown).toBeInstanceOf(SuppressedError);
  expect(tellError(thrown)).toEqual({ code: 'CANCELLED', message: 'Stopped by SIGTERM', hint: 'Run the command again' });
  expect(failedOutcome(thrown)).toBe('cancelled');
});
