import { createRequire } from 'node:module';
import type * as Swc from '@swc/core/Visitor.js';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { architectureRules } from './rules.ts';

export interface Architecture {
  /** Paths of all modules below `src`, sorted. */
  readonly modules: readonly string[];
  /** `rule: importer → imported`, one for each. */
  readonly violations: readonly string[];
}

/** Reads the imports of everything below `src` in the directory and holds them against the rules. */
export async function readArchitecture(directory: string): Promise<Architecture> {
  const { output } = await cruise(['src'], {
    baseDir: directory,
    // TypeScript 7 has no API that dependency-cruiser could parse with: beside it, it reads no file and reports success.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', '^test/'] },
    validate: true,
    ruleSet: { forbidden: [...architectureRules] },
  });
  const { modules, summary } = output as ICruiseResult;
  return {
    modules: modules
      .map(({ source }) => source)
      .filter((source) => source.startsWith('src/'))
      .toSorted(),
    violations: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`).toSorted(),
  };
}

/** swc's visitor throws at `await using`, which it parses; dependency-cruiser uses that visitor (18.7.2, swc 1.16.22). */
function teachVisitorUsing(): void {
  const { Visitor } = createRequire(import.meta.url)('@swc/core/Visitor.js') as typeof Swc;
  type Statement = Parameters<Swc.Visitor['visitStatement']>[0];
  // oxlint-disable-next-line typescript/unbound-method -- called with its `this` below
  const visitStatement = Visitor.prototype.visitStatement;
  Visitor.prototype.visitStatement = function (this: Swc.Visitor, statement: Statement) {
    if ((statement.type as string) !== 'UsingDeclaration') return visitStatement.call(this, statement);
    const declaration = statement as unknown as { decls: Parameters<Swc.Visitor['visitVariableDeclarators']>[0] };
    declaration.decls = this.visitVariableDeclarators(declaration.decls);
    return statement;
  };
}

teachVisitorUsing();
