/** What was known of each user before a day: clicks, exposures and stability statistics. */
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { SafetensorsFile } from '../../lib/safetensors.ts';

export interface UserStats {
  user: Int32Array;
  clicks: Float32Array;
  exposures: Float32Array;
  /** Place among the cohorts of the date (`cohorts.json`); −1: none. */
  cohort: Int32Array;
  /** Names of the columns of `stats`. */
  names: string[];
  /** U_s of one user, NaN where too few days tell; undefined for a user whom the file does not name. */
  of(user: number): Float32Array | undefined;
}

/** @throws EdgeloomError `no-user-stats` when the tensors folder has none for the date */
export async function readUserStats(tensorsDir: string, date: string): Promise<UserStats> {
  const path = join(tensorsDir, 'user_stats', `${date}.safetensors`);
  let file: SafetensorsFile;
  try {
    file = await SafetensorsFile.open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new EdgeloomError({
      code: 'no-user-stats',
      what: `There are no user statistics of ${date}`,
      where: path,
      fix: 'run the features stage for that date',
    });
  }
  try {
    const user = (await file.read('user')).data as Int32Array;
    const stats = (await file.read('stats')).data as Float32Array;
    const names = JSON.parse(file.metadata.names ?? '[]') as string[];
    const place = new Map(Array.from(user, (id, row) => [id, row]));
    return {
      user,
      clicks: (await file.read('clicks')).data as Float32Array,
      exposures: (await file.read('exposures')).data as Float32Array,
      cohort: (await file.read('cohort')).data as Int32Array,
      names,
      of(id) {
        const row = place.get(id);
        if (row === undefined) return undefined;
        return stats.subarray(row * names.length, (row + 1) * names.length);
      },
    };
  } finally {
    await file.close();
  }
}
