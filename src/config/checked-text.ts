import { z } from 'zod';
import { parseDuration } from '../domain/duration.ts';
import { timeZoneProblem } from './time-zone.ts';

/** A text that `problemOf` has nothing to say against. */
export function checkedText(problemOf: (text: string) => string | null) {
  return z.string().superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
}

export const timeZone = checkedText(timeZoneProblem);

export const duration = z.string().refine((text) => (parseDuration(text) ?? 0) > 0, 'must be a duration such as "26h", "30m" or "7d"');
