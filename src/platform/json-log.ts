import { pino } from 'pino';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

type Fields = Readonly<Record<string, unknown>>;

interface JsonLogOptions {
  readonly debug: boolean;
  readonly clock: Pick<Clock, 'now'>;
  /** Where lines go; standard error, line by line and at once, when absent. */
  readonly destination?: { write(line: string): void };
}

/** Keys that every line has: a field of the same name goes by another. */
const ownKeys: ReadonlySet<string> = new Set(['time', 'level', 'message']);

/** One JSON object a line: `level` (a word), `time` (ISO 8601 in UTC), the fields given, `message`. */
export function openJsonLog({ debug, clock, destination }: JsonLogOptions): Log {
  const logger = pino(
    {
      level: debug ? 'debug' : 'info',
      messageKey: 'message',
      base: null,
      timestamp: () => `,"time":"${clock.now().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message, fields) => logger.debug(shown(fields), message),
    info: (message, fields) => logger.info(shown(fields), message),
    warn: (message, fields) => logger.warn(shown(fields), message),
    error: (message, fields) => logger.error(shown(fields), message),
  };
}

function shown(fields: Fields = {}): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [ownKeys.has(key) ? `${key}Field` : key, value instanceof Error ? toldOf(value) : value]),
  );
}

/** An error with all that led to it. */
function toldOf(error: Error): Fields {
  const { name, message, stack, cause } = error;
  const { code, hint } = error as { readonly code?: unknown; readonly hint?: unknown };
  return {
    ...(code === undefined ? { name } : { code }),
    message,
    ...(hint === undefined ? {} : { hint }),
    stack,
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? toldOf(cause) : cause }),
  };
}
