import picomatch from 'picomatch';

interface Pattern {
  readonly expression: RegExp;
  readonly directoriesOnly: boolean;
}

/** Decides by the path below a root, `/` between names, which entries are left out. The rules stand at `filesSource`. */
export class PathFilter {
  readonly #exclude: readonly Pattern[];
  readonly #include: readonly Pattern[];

  constructor(patterns: { readonly exclude: readonly string[]; readonly include: readonly string[] }) {
    this.#exclude = patterns.exclude.map(compiled);
    this.#include = patterns.include.map(compiled);
  }

  /** True when no path is ever left out. */
  get passesAll(): boolean {
    return this.#exclude.length === 0 && !this.isSelective;
  }

  /** True when only what is named is read. */
  get isSelective(): boolean {
    return this.#include.length > 0;
  }

  excludes(path: string, isDirectory: boolean): boolean {
    return matchesAny(this.#exclude, path, isDirectory);
  }

  /** For entries in a directory that is not included as a whole. */
  includes(path: string, isDirectory: boolean): boolean {
    return matchesAny(this.#include, path, isDirectory);
  }
}

function matchesAny(patterns: readonly Pattern[], path: string, isDirectory: boolean): boolean {
  return patterns.some(({ expression, directoriesOnly }) => (isDirectory || !directoriesOnly) && expression.test(path));
}

function compiled(pattern: string): Pattern {
  const directoriesOnly = pattern.endsWith('/');
  // picomatch takes brackets and bars for those of regular expressions; in file names they are ordinary.
  const body = pattern
    .replace(/\/+$/, '')
    .replace(/^\.\//, '')
    .replaceAll(/(?<!\\)[()|]/g, String.raw`\$&`);
  const fromRoot = body.includes('/') ? body.replace(/^\/+/, '') : `**/${body}`;
  // Bash lets `cache/**` match `cache` itself; here the directory stays and its content goes.
  const glob = fromRoot.endsWith('/**') ? `${fromRoot}/*` : fromRoot;
  // `s`: a name may hold a newline.
  return { directoriesOnly, expression: picomatch.makeRe(glob, { dot: true, flags: 's', nonegate: true, noextglob: true }) };
}
