/** Text for terminals: tables and paragraphs that keep within a width. */

export interface TableColumn {
  head: string;
  align?: 'left' | 'right';
  /** Its cells are never cut: ids that are to be copied. */
  keep?: boolean;
}

const GAP = '  ';

/** Length on the screen: by code points, which is right for all but combining and wide characters. */
const widthOf = (text: string): number => [...text].length;

const cut = (text: string, width: number): string =>
  widthOf(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join('')}…`;

/**
 * Lines of a table, cut to `width` by shortening the cells of the widest columns.
 * @param rows cells by column; as many as `columns`
 */
export function table(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const widths = columns.map(({ head }, c) =>
    Math.max(widthOf(head), ...rows.map((row) => widthOf(row[c]!))),
  );
  const total = () => widths.reduce((sum, w) => sum + w, 0) + GAP.length * (widths.length - 1);
  const widest = (): number => Math.max(4, ...widths.filter((_, c) => !columns[c]!.keep));
  while (total() > width && widest() > 4) {
    const size = widest();
    widths[widths.findLastIndex((w, c) => w === size && !columns[c]!.keep)]!--;
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, c) => {
        const text = cut(cell, widths[c]!);
        const padding = ' '.repeat(widths[c]! - widthOf(text));
        return columns[c]!.align === 'right' ? padding + text : text + padding;
      })
      .join(GAP)
      .trimEnd();
  return [line(columns.map(({ head }) => head)), ...rows.map(line)];
}

/** Parts one after another, broken between parts; a part that is longer than a line is broken at its spaces. */
export function wrap(parts: readonly string[], width: number, indent: string, gap = GAP): string[] {
  const room = width - widthOf(indent);
  const lines: string[] = [];
  let line = '';
  const add = (piece: string, between: string): void => {
    if (line && widthOf(line) + widthOf(between) + widthOf(piece) > room) {
      lines.push(indent + line.trimEnd());
      line = piece;
    } else line = line ? line + between + piece : piece;
  };
  for (const part of parts) {
    const [first, ...more] = widthOf(part) > room ? part.split(' ') : [part];
    add(first!, gap);
    for (const word of more) add(word, ' ');
  }
  if (line) lines.push(indent + line);
  return lines;
}

/** Words of a text, wrapped. */
export const paragraph = (text: string, width: number, indent = ''): string[] =>
  wrap(text.split(' '), width, indent, ' ');
