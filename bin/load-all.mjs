import { globSync } from 'node:fs';
import { join } from 'node:path';

/*
 * Loads every module of Holdfast, so that Node keeps it compiled. Who finds everything compiled never loads what strips types,
 * and holds on to 20 MB less.
 */

const src = join(import.meta.dirname, '..', 'src');
/** Tests, the browser's part, and what begins to work when it is loaded. */
const others = ['**/*.test.ts', 'web/**', '**/*-thread.ts', 'main.ts'];

for (const file of globSync('**/*.ts', { cwd: src, exclude: others })) await import(join(src, file));
