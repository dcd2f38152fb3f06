import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { registerImport } from './import.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-import-'));
  const header = 'user_id,video_id,time_ms,is_click,play_time_ms,tab';
  await writeFile(join(folder, 'log.csv'), `${header}\n1,2,1650816000000,1,500,1\n`);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

async function run(...args: string[]): Promise<string> {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const program = new Command();
  registerImport(program);
  await program.parseAsync(['node', 'edgeloom', 'import', ...args]);
  return printed;
}

test('import kuairand tells what was read and written', async () => {
  const out = join(folder, 'logs');
  const printed = await run('kuairand', folder, '--out', out);
  expect(printed).toBe(
    [
      '1 source rows, 2022-04-25 to 2022-04-25',
      'events: request 1, exposure 1, page_view 1, play 1, feedback 0',
      'tables: none',
      `logs: ${out}`,
      '',
    ].join('\n'),
  );
});

test('import --json prints the summary as one object', async () => {
  const out = join(folder, 'logs');
  const printed = await run('kuairand', folder, '--out', out, '--json');
  expect(JSON.parse(printed)).toMatchObject({ out, rowsRead: 1, dataset: { name: 'kuairand' } });
});

test('import refuses a folder without the data set’s log', async () => {
  await expect(run('ebnerd', folder, '--out', join(folder, 'logs'))).rejects.toMatchObject({
    code: 'no-source-log',
    exitCode: 2,
  });
});
