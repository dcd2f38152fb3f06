/** `npm run bench -- <name> [options]`: runs one bench and prints its figures as JSON lines. */
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EdgeloomError } from '../lib/errors.ts';
import type { Bench } from './types.ts';

const here = dirname(fileURLToPath(import.meta.url));

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', here, ...args], { encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') ? '+changes' : ''}`;
  } catch (error) {
    return `unknown (${(error as Error).message.split('\n')[0]})`;
  }
}

async function loadBenches(): Promise<Bench[]> {
  const files = (await readdir(here)).filter((file) => file.endsWith('.bench.ts')).sort();
  const modules = files.map(
    async (file) => (await import(pathToFileURL(join(here, file)).href)) as { bench: Bench },
  );
  return (await Promise.all(modules)).map(({ bench }) => bench);
}

const [name, ...args] = process.argv.slice(2);
const benches = await loadBenches();
const bench = benches.find((candidate) => candidate.name === name);
if (!bench) {
  for (const { name: known, describe } of benches) console.error(`${known.padEnd(24)} ${describe}`);
  console.error('\nnpm run bench -- <name> [options]');
  process.exit(name === undefined || name === '--help' ? 0 : 2);
}
try {
  const lines = await bench.run(args);
  for (const line of Array.isArray(lines) ? lines : [lines]) {
    console.log(JSON.stringify({ bench: bench.name, ...line, commit: commit() }));
  }
} catch (error) {
  console.error(error instanceof EdgeloomError ? error.describe() : error);
  process.exitCode = 1;
}
