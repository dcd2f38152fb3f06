import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listFiles } from '../lib/files.ts';
import { sha256File } from '../lib/hash.ts';
import { laneOfUsers, playLane } from './lane.ts';
import { lanesFor, openLanes } from './lane-thread.ts';
import { linesOf } from './line-bytes.ts';
import { type WorldParams, type WorldParamsInput, worldParams } from './params.ts';
import { simulate } from './simulate.ts';

const small: WorldParamsInput = {
  days: 3,
  users: { count: 24, sessionsPerDay: 1 },
  log: { late: 0.2, duplicates: 0.05, killed: 0.2 },
  insert: { rollouts: 2 },
};
/** A page of −1 candidates, which the schema would refuse: every session fails. */
const broken: WorldParams = worldParams.parse(small);
broken.ranker.page = -1;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-lanes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** SHA-256 of every file of the log and of the truth, and the summary as text. */
async function written(name: string, input: WorldParamsInput, lanes: number) {
  const out = join(folder, name);
  const params = worldParams.parse(input);
  const summary = await simulate({
    params,
    out: join(out, 'logs'),
    truth: join(out, 'truth'),
    lanes,
  });
  const hashes: Record<string, string> = {};
  for (const file of await listFiles(out)) hashes[file] = await sha256File(join(out, file));
  return { summary: JSON.stringify(summary), hashes };
}

describe('lanes of a simulation', { timeout: 120_000 }, () => {
  it('give the same bytes in every file, whatever their number', async () => {
    const one = await written('usual-1', small, 1);
    expect(Object.keys(one.hashes).length).toBeGreaterThan(20);
    for (const lanes of [2, 3]) expect(await written(`usual-${lanes}`, small, lanes)).toEqual(one);
  });

  it('may be more than there are users', async () => {
    const lonely = { ...small, users: { count: 1, sessionsPerDay: 3 } };
    expect(await written('lonely-3', lonely, 3)).toEqual(await written('lonely-1', lonely, 1));
  });

  it('each play their own users, and all of them together every session', () => {
    const params = worldParams.parse(small);
    const users = [0, 1, 2].map((lane) => {
      const batches = [...playLane({ params, lane, lanes: 3, truth: false })];
      const lines = batches.flat().flatMap(({ events }) => [...linesOf(events)]);
      const userOf = (line: Uint8Array): string =>
        (JSON.parse(Buffer.from(line).toString()) as { user_id: string }).user_id;
      return new Set(lines.map(userOf));
    });
    const all = users.flatMap((of) => [...of]);
    expect(new Set(all).size).toBe(all.length);
    for (const of of users) expect(of.size).toBeGreaterThan(5);
  });

  it('share out the activity evenly', () => {
    const activity = Float64Array.of(9, 1, 8, 2, 7, 3);
    expect([...laneOfUsers(activity, 2)]).toEqual([0, 1, 1, 0, 0, 1]);
    expect([...laneOfUsers(activity, 1)]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('tell what failed in one, and nothing is left behind', async () => {
    for (const lanes of [1, 2]) {
      const out = join(folder, `broken-${lanes}`);
      const running = simulate({ params: broken, out, truth: `${out}-truth`, lanes });
      await expect(running).rejects.toThrow('toPrecision');
    }
    expect((await listFiles(folder)).filter((file) => file.startsWith('broken'))).toEqual([]);
  });

  it('leave nothing behind when they are cancelled', async () => {
    const out = join(folder, 'cancelled');
    const stop = new AbortController();
    const running = simulate(
      { params: worldParams.parse(small), out, truth: `${out}-truth`, lanes: 2 },
      { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) },
    );
    await expect(running).rejects.toThrow('enough');
    expect((await listFiles(folder)).filter((file) => file.startsWith('cancelled'))).toEqual([]);
  });

  it('say that a thread could not run', async () => {
    // A function cannot be handed to a thread, so none starts.
    const params = { ...worldParams.parse(small), stray: () => undefined };
    const [lane] = openLanes(params, 2, false, undefined);
    await expect(lane!.next()).rejects.toMatchObject({ code: 'no-thread' });
    await lane!.close();
  });

  it('are refused in a number that cannot be', async () => {
    for (const lanes of [0, 1.5, 65]) {
      const out = join(folder, 'refused');
      const running = simulate({ params: worldParams.parse(small), out, truth: null, lanes });
      await expect(running).rejects.toMatchObject({ code: 'bad-lanes' });
    }
  });

  it('are one for a small world', () => {
    expect(lanesFor(worldParams.parse(small))).toBe(1);
    expect(lanesFor(worldParams.parse({ days: 366 }))).toBeLessThanOrEqual(4);
  });
});
