import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { choosePlan } from '../../operations/choose.ts';
import { expire, type ExpireReport } from '../../operations/expire.ts';
import { exitCodeOfRun } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export function expireCommand(program: Command, setup: CommandSetup): void {
  program
    .command('expire')
    .summary('remove snapshots that no retention rule keeps')
    .argument('[plan]', 'which plan; not needed when there is one')
    .option('--dry-run', 'show each decision with its reason, remove nothing')
    .action(
      setup.withWorld(
        { missingSecrets: 'defer' },
        async ({ world, configuration, terminal, signal }, [name], flags: { readonly dryRun?: boolean }) => {
          const report = await expire(choosePlan(configuration, name), { dryRun: flags.dryRun === true, signal }, world);
          terminal.result(report.stores.map((store) => describe(store, terminal)).join('\n\n'), report);
          if (report.error !== null && !terminal.isJson) terminal.failure(report.error);
          return exitCodeOfRun(report);
        },
      ),
    );
}

function describe(report: ExpireReport, terminal: Terminal): string {
  const rows = report.decisions.map(({ id, keep, reasons }) => [
    id,
    keep ? terminal.mark('keep', 'good') : terminal.mark(report.dryRun ? 'would remove' : 'removed', 'doubtful'),
    reasons.join('; '),
  ]);
  const head = report.dryRun
    ? `${report.store} (dry run: nothing was removed)`
    : `${report.store}: removed ${report.removed.length}, freed ${formatBytes(report.freedBytes)}`;
  return `${head}\n${rows.length === 0 ? 'no snapshots' : table(['SNAPSHOT', 'DECISION', 'WHY'], rows, { columns: terminal.columns })}`;
}
