import type { Command } from 'commander';
import { formatDuration } from '../../domain/duration.ts';
import { choosePlan, findSnapshot, newestOf, refresh, withStore } from '../../operations/choose.ts';
import { drill, type DrillDetails, type DrillReport } from '../../operations/drill.ts';
import { exitCodeOfRun } from '../exit-codes.ts';
import { warnOfTrouble } from '../warn-of-trouble.ts';
import type { CommandSetup } from '../command.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export function drillCommand(program: Command, setup: CommandSetup): void {
  program
    .command('drill')
    .summary('restore the newest snapshot into a scratch place and compare everything')
    .argument('[plan]', 'which plan; not needed when there is one')
    .option('--snapshot <id>', 'another snapshot than the newest')
    .action(
      setup.withWorld(async ({ world, configuration, terminal, signal }, [name], flags: { readonly snapshot?: string }) => {
        const plan = choosePlan(configuration, name);
        warnOfTrouble(await refresh(plan.stores, world, signal), terminal);
        const found =
          flags.snapshot === undefined
            ? await newestOf(plan, world)
            : await findSnapshot(configuration, world, { id: flags.snapshot, plan: plan.name });
        const report = await withStore(world, found.planStore, (store) => drill({ plan, store, snapshot: found.snapshot, signal }, world));
        terminal.result(describe(report, terminal), report);
        if (report.error !== null && !terminal.isJson) terminal.failure(report.error);
        return exitCodeOfRun(report);
      }),
    );
}

function describe(report: DrillReport, terminal: Terminal): string {
  if (report.details === null) return '';
  const { details } = report;
  const verdict = report.outcome === 'succeeded' ? terminal.mark('PROVEN', 'good') : terminal.mark('NOT PROVEN', 'bad');
  return [
    `${verdict}: snapshot ${report.snapshotId} of plan ${report.plan} was restored and compared`,
    proofTable(details, terminal),
    `Restored in ${formatDuration(details.rtoMs)} (RTO), compared in ${formatDuration(details.compareMs)}; the data was ${formatDuration(details.rpoMs)} old (RPO)`,
    ...details.remarks.map((remark) => `note: ${remark}`),
  ].join('\n');
}

/** One row per table and one for all files: what was expected, and whether it came back. */
function proofTable(details: DrillDetails, terminal: Terminal): string {
  const good = terminal.mark('equal', 'good');
  const rows = details.databases.flatMap(({ database, tables, differences }) => [
    ...tables.map(({ table: name, rows: count, sha256, difference }) => [
      `${database}: ${name}`,
      `${count} rows`,
      sha256.slice(0, 16),
      difference === null ? good : terminal.mark(difference.message, 'bad'),
    ]),
    ...differences
      .filter((difference) => !tables.some(({ table: name }) => name === difference.table))
      .map((difference) => [`${database}: ${difference.table}`, '', '', terminal.mark(difference.message, 'bad')]),
  ]);
  if (details.trees !== null) {
    const { compared, differences } = details.trees;
    rows.push(['files', `${compared} entries`, '', differences.length === 0 ? good : terminal.mark(`${differences.length} differ`, 'bad')]);
    for (const difference of differences.slice(0, 20)) rows.push([`  ${difference}`, '', '', '']);
  }
  return table(['WHAT', 'EXPECTED', 'SHA-256', 'RESTORED'], rows, { right: [1], columns: terminal.columns });
}
