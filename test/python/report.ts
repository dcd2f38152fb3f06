/** Runs the Python scripts over a folder of cases and reads their report. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runPython } from '../../infra/python/index.ts';
import type { Pythons } from './pythons.ts';

const reportSchema = z.array(
  z.strictObject({
    id: z.string(),
    check: z.string().describe('runtime or checker'),
    status: z.enum(['ran', 'refused']),
    error: z
      .number()
      .nullable()
      .describe('largest difference over the largest expected value; null when refused'),
    message: z.string().describe('why it was refused'),
  }),
);
export type Result = z.infer<typeof reportSchema>[number];

/** Runs every check over the folder. */
export async function sideCheck(folder: string, pythons: Pythons): Promise<Result[]> {
  const script = fileURLToPath(new URL('./check.py', import.meta.url));
  await runPython(pythons.sideCheck, script, [folder, pythons.oldPhone]);
  return reportSchema.parse(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')));
}
