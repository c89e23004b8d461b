import { suggestion } from '../domain/nearest.ts';

/** What is wrong with the name of a time zone; null when it is known. */
export function timeZoneProblem(name: string): string | null {
  if (/^[A-Za-z]/u.test(name) && isTimeZone(name)) return null;
  const near = suggestion(name, Intl.supportedValuesOf('timeZone')).replace(/^; known:.*$/u, '; write a name such as "Europe/Berlin"');
  return `unknown time zone ${JSON.stringify(name)}${near}`;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (cause) {
    if (cause instanceof RangeError) return false;
    throw cause;
  }
}
