import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DailyInput } from '../workflows/types.ts';
import { checkSettings } from './check-settings.ts';
import { completeParams, readSettings } from './params.ts';
import { projectRoot } from './workspace.ts';

const SMALL_RUN = join(projectRoot, 'test/fixtures/small-run.json');

async function inputOf(change: (params: DailyInput['params']) => void): Promise<DailyInput> {
  const machine = { userKeyId: 'k', erasedUsers: undefined, backend: 'cpu' };
  const params = completeParams(await readSettings(SMALL_RUN), machine);
  change(params);
  const dates = Array.from({ length: 7 }, (_, i) => `2026-03-0${i + 2}`);
  return {
    ...{ date: dates.at(-1)!, dates, logsDir: '/logs', params },
    ...{ gitSha: 'abc', channel: 'stable', force: false },
  };
}

describe('settings', () => {
  it('that fit every stage pass', async () => {
    const input = await inputOf(() => undefined);
    await expect(checkSettings(input, SMALL_RUN)).resolves.toBeUndefined();
    // The file has what other tests run with.
    expect(JSON.parse(await readFile(SMALL_RUN, 'utf8'))).toHaveProperty('features.cohorts');
  });

  it.each([
    ['quality', { minRow: 3 }, 'check-data', 'minRow'],
    ['features', { cohorts: { minUsers: 1 } }, 'features', 'minUsers'],
    ['stitch', { exposuresK: 0 }, 'stitch', 'exposuresK'],
    ['ingest', { buckets: 'many' }, 'ingest', 'buckets'],
    ['reranker', { training: { epochz: 1 } }, 'train-reranker', 'epochz'],
    ['uplift', { budget: 'x' }, 'evaluate-uplift', 'budget'],
    ['metafusion', { gate: { epochs: -1 } }, 'fuse', 'epochs'],
  ] as const)('of %s that do not fit are told with the stage', async (section, bad, node, word) => {
    const input = await inputOf((params) => Object.assign(params[section], bad));
    const refused = checkSettings(input, 'settings.json');
    await expect(refused).rejects.toMatchObject({ code: 'bad-config', where: 'settings.json' });
    await expect(refused).rejects.toThrow(new RegExp(`${node}(/1)?: [^]*${word}`));
  });
});
