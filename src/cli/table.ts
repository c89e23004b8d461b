export interface TableOptions {
  /** Columns of numbers. */
  readonly right?: readonly number[];
  /** Of the terminal; null where nobody counts them. */
  readonly columns?: number | null;
}

/** Below this a table that does not fit is no table any more: every line of it would be folded twice. */
const narrowColumns = 60;

/**
 * Columns as wide as their widest cell; numbers to the right. Escape sequences take no room. What does not fit on a narrow
 * terminal stands there as one block a row.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const cells = rows.map((row) => row.map(onOneLine));
  const all = [header, ...cells];
  const widths = header.map((_, column) => all.reduce((widest, row) => Math.max(widest, visibleLength(row[column] ?? '')), 0));
  const total = widths.reduce((sum, width) => sum + width + 2, -2);
  const columns = options.columns ?? total;
  if (columns < narrowColumns && total > columns) return cells.map((row) => block(header, row)).join('\n\n');
  const right = new Set(options.right);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat(widths[column]! - visibleLength(cell));
        return right.has(column) ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...cells.map(line)].join('\n');
}

/** The first cell, and below it what else there is. */
function block(header: readonly string[], [first = '', ...others]: readonly string[]): string {
  const labels = header.slice(1);
  const widest = labels.reduce((length, label) => Math.max(length, label.length), 0);
  const lines = labels.flatMap((label, index) => (others[index] ? [`  ${label.padEnd(widest)}  ${others[index]}`] : []));
  return [first, ...lines].join('\n');
}

/** Names may hold line ends and worse; colours stay. */
function onOneLine(cell: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return cell.replaceAll(/(?!\u001b\[\d+m)[\u0000-\u001f\u007f]/g, (character) => JSON.stringify(character).slice(1, -1));
}

function visibleLength(text: string): number {
  // oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
  return Array.from(text.replaceAll(/\u001b\[\d+m/g, '')).length;
}
