import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCodeOfError } from '../src/cli/exit-codes.ts';
import { errorCodes } from '../src/domain/errors.ts';

const page = readFileSync(join(import.meta.dirname, '../docs/errors.md'), 'utf8');
const entries = [...page.matchAll(/^### ([A-Z_]+)\n((?:(?!^#)[^\n]*\n)*)/gm)].map(([, code = '', text = '']) => ({ code, text }));

describe('docs/errors.md', () => {
  it('has every error code once, in the order of the code', () => {
    expect(entries.map(({ code }) => code)).toEqual(errorCodes);
  });

  it.each(entries)('gives the exit code, cause and remedy of $code', ({ code, text }) => {
    const [, exitCode, cause = '', remedy = ''] =
      /^Exit (\d+)[.,][^*]*\*\*Cause:\*\*\s+(.{10,})\s\*\*Remedy:\*\*\s+(.{10,})$/s.exec(text.trim()) ?? [];
    expect({ exitCode: Number(exitCode), hasCause: cause.trim().endsWith('.'), hasRemedy: remedy.length > 0 }).toEqual({
      exitCode: exitCodeOfError(code),
      hasCause: true,
      hasRemedy: true,
    });
  });
});
