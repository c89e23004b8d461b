import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../domain/errors.ts';
import { Secret } from '../domain/secret.ts';
import { openJsonLog } from './json-log.ts';

const at = new Date('2026-11-21T12:00:00.250Z');

function logTo({ debug = false } = {}) {
  const lines: string[] = [];
  const log = openJsonLog({ debug, clock: { now: () => at }, destination: { write: (line) => void lines.push(line) } });
  return { log, lines, objects: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('openJsonLog()', () => {
  it('writes one object a line, with the time, the level as a word, the message and the fields', () => {
    const { log, lines, objects } = logTo();
    log.info('Scheduled backup completed', { user: '*system', component: 'Backup', plan: 'home', sizeBytes: 5, durationMs: 7 });
    log.warn('a\nb');
    log.error('c');
    expect(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1)).toBe(true);
    expect(objects()).toEqual([
      {
        level: 'info',
        time: '2026-11-21T12:00:00.250Z',
        user: '*system',
        component: 'Backup',
        plan: 'home',
        sizeBytes: 5,
        durationMs: 7,
        message: 'Scheduled backup completed',
      },
      { level: 'warn', time: '2026-11-21T12:00:00.250Z', message: 'a\nb' },
      { level: 'error', time: '2026-11-21T12:00:00.250Z', message: 'c' },
    ]);
  });

  it('says debug lines only when asked to', () => {
    const [quiet, loud] = [logTo(), logTo({ debug: true })];
    quiet.log.debug('x');
    loud.log.debug('x');
    expect([quiet.lines.length, loud.lines.length]).toEqual([0, 1]);
  });

  it('tells an error with code, hint, stack and cause', () => {
    const { log, objects } = logTo();
    const error = new HoldfastError('STORE_FULL', 'The drive is full', { hint: 'Free some', cause: new Error('ENOSPC') });
    log.error('Scheduled backup failed', { error });
    expect(objects()[0]?.['error']).toMatchObject({
      code: 'STORE_FULL',
      message: 'The drive is full',
      hint: 'Free some',
      stack: expect.stringContaining('json-log.test.ts') as string,
      cause: { name: 'Error', message: 'ENOSPC' },
    });
  });

  it('lets no field stand for the line’s own keys, and shows no secret', () => {
    const { log, lines, objects } = logTo();
    log.info('real', { message: 'other', time: 1, level: 'x', token: new Secret('hunter22', 'test'), count: 5n });
    expect(objects()[0]).toMatchObject({ message: 'real', level: 'info', messageField: 'other', count: 5 });
    expect(lines.join('')).not.toContain('hunter22');
  });
});
