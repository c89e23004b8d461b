/** An instant as it is stored, and back; null stays null. */
export function stored(at: Date): string;
export function stored(at: Date | null): string | null;
export function stored(at: Date | null): string | null {
  return at === null ? null : at.toISOString();
}

export function instant(text: string): Date;
export function instant(text: string | null): Date | null;
export function instant(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
