/** Columns as wide as their widest cell; numbers to the right. Escape sequences take no room. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly right?: readonly number[] } = {},
): string {
  const all = [header, ...rows.map((row) => row.map(onOneLine))];
  const widths = header.map((_, column) => Math.max(...all.map((row) => visibleLength(row[column] ?? ''))));
  const right = new Set(options.right);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat(widths[column]! - visibleLength(cell));
        return right.has(column) ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...all.slice(1).map(line)].join('\n');
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
