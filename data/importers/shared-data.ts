/** Where real data sets for tests are, when they are there: they are not part of the project. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The folder of a data set under `EDGELOOM_SHARED_DATA` or `../shared/data`, undefined when absent. */
export function sharedData(name: string): string | undefined {
  const base = process.env.EDGELOOM_SHARED_DATA ?? join(root, '..', 'shared', 'data');
  const folder = join(base, name);
  return existsSync(folder) ? folder : undefined;
}
