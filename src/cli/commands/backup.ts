import type { Command } from 'commander';
import { formatBytes } from '../../domain/byte-size.ts';
import { formatDuration } from '../../domain/duration.ts';
import { HoldfastError } from '../../domain/errors.ts';
import type { Plan } from '../../domain/plan.ts';
import { backUp, type BackupDetails, type BackupReport } from '../../operations/back-up.ts';
import { choosePlan } from '../../operations/choose.ts';
import { exitCodeOfRun, type ExitCode } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface BackupFlags {
  readonly description?: string;
  readonly verify?: string;
}

export function backupCommand(program: Command, setup: CommandSetup): void {
  program
    .command('backup')
    .summary('back up a plan, verify what was stored, expire what is no longer kept')
    .argument('[plan]', 'which plan; not needed when there is one')
    .option('--description <text>', 'a note kept with the snapshot')
    .option('--verify <depth>', 'none, present or readable: how deep to read back what was stored (default: what the plan says)')
    .action(
      setup.withWorld(async ({ world, configuration, terminal, signal }, [name], flags: BackupFlags): Promise<ExitCode> => {
        const plan = choosePlan(configuration, name);
        const verify = parseDepth(flags.verify);
        const report = await backUp(
          plan,
          { description: flags.description ?? null, signal, ...(verify === undefined ? {} : { verify }) },
          world,
        );
        terminal.result(describe(report, terminal), report);
        if (report.error !== null && !terminal.isJson) terminal.failure(report.error);
        return exitCodeOfRun(report);
      }),
    );
}

function parseDepth(text: string | undefined): Plan['verify'] | undefined {
  if (text === undefined || text === 'none' || text === 'present' || text === 'readable') return text;
  throw new HoldfastError('USAGE', `"${text}" is not a depth`, { hint: 'Use --verify none, --verify present or --verify readable' });
}

function describe(report: BackupReport, terminal: Terminal): string {
  if (report.details === null) return '';
  const lines = [headline(report, report.details, terminal)];
  for (const part of report.details.parts) lines.push(`  ${part.name}  ${formatBytes(part.sizeBytes)}`);
  for (const store of report.details.stores) {
    const verified =
      store.verification === null
        ? 'not read back'
        : `${store.verification.outcome === 'passed' ? 'verified' : 'NOT verified'} (${store.verification.depth}) in ${formatDuration(store.verification.durationMs)}`;
    lines.push(`  in ${store.location}: ${store.outcome}, ${verified}`);
    for (const { snapshotId, error } of store.earlier)
      lines.push(
        error === null ? `    copied ${snapshotId} too` : `    ${terminal.mark('not copied', 'bad')}: ${snapshotId}: ${error.message}`,
      );
    for (const id of store.expired?.removed ?? []) lines.push(`    expired ${id}`);
  }
  if (report.details.swept.length > 0) lines.push(`  removed what a killed run had left: ${report.details.swept.join(', ')}`);
  for (const warning of report.details.warnings) lines.push(`  ${terminal.mark('warning', 'doubtful')}: ${warning}`);
  const told = report.details.issues.slice(0, 20);
  for (const issue of told)
    lines.push(`  ${issue.severity === 'loss' ? terminal.mark('lost', 'bad') : 'note'}: ${issue.subject}: ${issue.detail}`);
  if (told.length < report.details.issues.length)
    lines.push(`  … ${report.details.issues.length - told.length} more: holdfast show ${report.snapshotId}`);
  return lines.join('\n');
}

function headline(report: BackupReport, details: BackupDetails, terminal: Terminal): string {
  const colour = ({ succeeded: 'good', degraded: 'doubtful', failed: 'bad', cancelled: 'bad', skipped: 'faint' } as const)[report.outcome];
  const size = `${formatBytes(details.readBytes)} read, ${formatBytes(details.sizeBytes)} stored`;
  return `${terminal.mark(report.outcome, colour)}: snapshot ${report.snapshotId} of plan ${report.plan} in ${formatDuration(report.durationMs)} (${size})`;
}
