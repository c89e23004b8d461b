import type { StoreTrouble } from '../operations/choose.ts';
import type { Terminal } from './terminal.ts';

export function warnOfTrouble(trouble: readonly StoreTrouble[], terminal: Terminal): void {
  for (const { store, message, hint } of trouble) terminal.warn(`store ${store}: ${message}`, { next: hint });
}
