/** Files of pyarrow, pandas and polars, read by our Parquet reader. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openParquet } from '../../data/parquet/read/file.ts';
import { type Cell, readCells } from '../../data/parquet/read/read-fixture.ts';
import { ensurePython, runPython } from '../../infra/python/index.ts';
import { EdgeloomError } from '../../lib/errors.ts';

const SCRIPT = fileURLToPath(new URL('./write_files.py', import.meta.url));

/** The environment of the bench `data`, if it was set up before: half a gigabyte is not for a test. */
async function preparedPython(): Promise<string | undefined> {
  try {
    return await ensurePython('frames', { signal: AbortSignal.abort() });
  } catch (error) {
    const lacking = error instanceof EdgeloomError || (error as Error).name === 'AbortError';
    if (lacking) return undefined;
    throw error;
  }
}

const python = await preparedPython();
const folder = await mkdtemp(join(tmpdir(), 'parquet-peers-'));
if (python) await runPython(python, SCRIPT, [folder]);
const names = (await readdir(folder))
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length));

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Columns in the script's form, by name; of lists of structs a cell is a list of structs again. */
async function readColumns(path: string): Promise<Record<string, unknown[]>> {
  const file = await openParquet(path);
  try {
    const columns: Record<string, unknown[]> = {};
    const parts: Record<string, Record<string, Cell[]>> = {};
    for (const leaf of file.leaves) {
      const [name] = leaf.path as [string];
      const cells = await readCells(file, leaf.path.join('.'));
      // `seen.list.element.at`
      if (leaf.path.length < 4) columns[name] = cells;
      else parts[name] = { ...parts[name], [leaf.path[3]!]: cells };
    }
    for (const [name, { item, at }] of Object.entries(parts)) {
      columns[name] = item!.map((items, row) => {
        if (items === null) return null;
        return (items as Cell[]).map((one, i) => ({ item: one, at: (at![row] as Cell[])[i] }));
      });
    }
    return columns;
  } finally {
    await file.close();
  }
}

describe.skipIf(!python)(
  'files of other writers (skipped without the Python of `npm run bench -- data`)',
  () => {
    test('there are files of all three', () => {
      for (const writer of ['arrow', 'pandas', 'polars']) {
        expect(names.some((name) => name.startsWith(writer))).toBe(true);
      }
    });

    test.each(names)('%s', async (name) => {
      const expected = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as Record<
        string,
        unknown[]
      >;
      const columns = await readColumns(join(folder, `${name}.parquet`));
      expect(Object.keys(columns).sort()).toEqual(Object.keys(expected).sort());
      for (const [column, cells] of Object.entries(expected)) {
        expect(columns[column], column).toEqual(cells);
      }
    });

    test.each(['plain', 'deltas'])(
      'numbers beyond 2^53 are refused or rounded, %s',
      async (form) => {
        const file = await openParquet(join(folder, `beyond ${form}.parquet`));
        try {
          await expect(file.readColumn(0, 0)).rejects.toMatchObject({ code: 'number-too-large' });
          expect(await readCells(file, 'n', { largeIntegers: 'round' })).toEqual([
            2 ** 63,
            -(2 ** 63),
            0,
            2 ** 53,
            -(2 ** 53),
            5,
          ]);
        } finally {
          await file.close();
        }
      },
    );
  },
);
