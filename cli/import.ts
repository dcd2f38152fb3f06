/** `edgeloom import kuairand|ebnerd DIR`: published data sets become device logs. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ImportOptions } from '../data/importers/import-options.ts';
import type { ImportSummary } from '../data/importers/log-writer.ts';
import { interruptible } from './interrupt.ts';

interface Flags {
  out?: string;
  from?: string;
  to?: string;
  json?: boolean;
}

const count = (n: number): string => n.toLocaleString('en-US');

/** What a person wants to know after an import, line by line. */
function tell(out: string, summary: ImportSummary): string {
  const { rowsRead, rowsOutsideDates, rowsUnusable, copies, events, tables, files, dataset } =
    summary;
  const listed = (counts: Record<string, number>): string =>
    Object.entries(counts)
      .map(([name, n]) => `${name} ${count(n)}`)
      .join(', ');
  const lines = [
    `${count(rowsRead)} source rows, ${dataset.first_date} to ${dataset.last_date}` +
      (rowsOutsideDates > 0 ? `, ${count(rowsOutsideDates)} of them outside the dates` : '') +
      (rowsUnusable > 0 ? `, ${count(rowsUnusable)} without user, item or time left out` : ''),
    `events: ${listed(events)}`,
    `tables: ${listed(tables) || 'none'}`,
  ];
  const surplus = copies.exact + copies.other;
  if (surplus > 0) {
    lines.push(
      `${count(surplus)} rows repeat an exposure (${count(copies.exact)} exact copies): ` +
        'ingest will count them as duplicates',
    );
  }
  if (files.ignored.length > 0) lines.push(`not used: ${files.ignored.join(', ')}`);
  lines.push(`logs: ${out}`);
  return `${lines.join('\n')}\n`;
}

type Importer = (options: ImportOptions) => Promise<ImportSummary>;

// Loaded when used: DuckDB takes longer to load than the rest of the command line.
const kuairand: Importer = async (options) =>
  (await import('../data/importers/kuairand.ts')).importKuairand(options);
const ebnerd: Importer = async (options) =>
  (await import('../data/importers/ebnerd.ts')).importEbnerd(options);

async function runImporter(
  importer: Importer,
  name: string,
  directory: string,
  flags: Flags,
): Promise<void> {
  const outDir = resolve(flags.out ?? `.edgeloom/logs/${name}`);
  const live = process.stderr.isTTY && !flags.json;
  const summary = await interruptible('The import was cancelled; nothing was written', (signal) =>
    importer({
      sourceDir: resolve(directory),
      outDir,
      from: flags.from,
      to: flags.to,
      signal,
      onProgress: ({ message }) => {
        if (live) process.stderr.write(`\r\u001b[K${message}`);
      },
    }),
  );
  if (live) process.stderr.write('\r\u001b[K');
  process.stdout.write(
    flags.json ? `${JSON.stringify({ out: outDir, ...summary })}\n` : tell(outDir, summary),
  );
}

export function registerImport(program: Command): void {
  const group = program.command('import').description('write published data sets as device logs');
  const add = (name: string, what: string, importer: Importer): void => {
    group
      .command(name)
      .description(what)
      .argument('<dir>', 'folder with the published files (CSV or Parquet, any names)')
      .option('--out <dir>', `new folder for the logs (default: .edgeloom/logs/${name})`)
      .option('--from <date>', 'first business day')
      .option('--to <date>', 'last business day')
      .option('--json', 'print the summary as JSON')
      .action((directory: string, flags: Flags) => runImporter(importer, name, directory, flags));
  };
  add('kuairand', 'KuaiRand: short-video feed, exposures with feedback', kuairand);
  add('ebnerd', 'EB-NeRD: news front page, impressions with clicks and reading time', ebnerd);
}
