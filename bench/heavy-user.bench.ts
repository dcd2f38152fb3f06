/** One user with a million events, a crawler say: what stitching takes of them, what it says of the rest, what that costs. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STAGE_FLAGS } from '../activities/runtime/child.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { FIVE_MILLION, generateLogs } from './data/generate-logs.ts';
import { runMeasured } from './data/run-process.ts';
import type { Bench } from './types.ts';

const EVENTS = 1_000_000;
/** The default of `maxUserEvents`, which this run leaves. */
const TAKEN = 200_000;
const OURS = fileURLToPath(new URL('./data/ours.ts', import.meta.url));

interface Counts {
  usersCapped: number;
  eventsCapped: number;
  samples: number;
  exposures: number;
}

export const bench: Bench = {
  name: 'heavy-user',
  describe: 'one user of 1,000,000 events: stitched from the latest 200,000, the rest counted',
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-heavy-user-'));
    const [logs, out] = [join(folder, 'logs'), join(folder, 'out')];
    try {
      await generateLogs(logs, { ...FIVE_MILLION, events: EVENTS, users: 1 });
      const args = [...STAGE_FLAGS, '--import', 'tsx', OURS, logs, out, '32'];
      const measured = await runMeasured(process.execPath, args);
      const json = async <T>(path: string): Promise<T> =>
        JSON.parse(await readFile(join(out, path), 'utf8')) as T;
      const { stored } = await json<{ stored: number }>('lake/account.json');
      const { usersCapped, eventsCapped, samples, exposures } =
        await json<Counts>('samples/summary.json');
      const kept = stored - eventsCapped;
      // Events of one millisecond stay together, so a few more than the limit may be taken.
      if (usersCapped !== 1 || kept < TAKEN || kept > TAKEN + 100 || exposures > kept) {
        throw new EdgeloomError({
          code: 'cap-not-kept',
          what: `${usersCapped} users were capped, and ${kept} of ${stored} events stitched`,
          fix: `one user and ${TAKEN} events are right: see data/stitch/read/user-cut.ts`,
        });
      }
      return {
        figure: 'events of a user of a million that are stitched',
        value: kept,
        unit: 'events',
        target: `${TAKEN}`,
        data: 'generated, one user, three days, simulated',
        n: stored,
        extra: { usersCapped, eventsCapped, samples, ...measured },
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
