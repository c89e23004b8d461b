/** The one place of the dashboard that reads the time. */
export function now(): Date {
  return new Date();
}
