/** Simulated days without faults raise no alarm, whatever the seed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ingest } from '../../data/ingest/ingest.ts';
import { checkData } from '../../data/quality/check.ts';
import { qualityConfig } from '../../data/quality/config.ts';
import { stitch } from '../../data/stitch/stitch.ts';
import { worldParams } from '../../simulator/params.ts';
import { simulate } from '../../simulator/simulate.ts';

it.each([21, 22, 23])('a clean simulated day passes every check, seed %i', async (seed) => {
  const root = await mkdtemp(join(tmpdir(), 'edgeloom-clean-'));
  const [logsDir, lakeDir, samplesDir] = ['logs', 'lake', 'samples'].map((name) =>
    join(root, name),
  ) as [string, string, string];
  try {
    const params = worldParams.parse({ seed, users: { count: 120 }, days: 5 });
    await simulate({ params, out: logsDir, truth: null });
    await ingest({ logsDir, outDir: lakeDir, userKey: new Uint8Array(32).fill(7), buckets: 2 });
    await stitch({ lakeDir, outDir: samplesDir, threads: 1 });
    const { checks } = await checkData({
      lakeDir,
      samplesDir,
      outDir: join(root, 'quality'),
      config: qualityConfig.parse({}),
    });
    expect(checks.filter(({ passed }) => !passed).map(({ message }) => message)).toEqual([]);
    expect(checks.filter(({ unjudged }) => !unjudged).length).toBeGreaterThan(180);
    const arms = checks.find(({ check }) => check === 'sample-ratio/decision/window')!;
    expect(arms.passed).toBe(true);
    expect(arms.unjudged).toBeUndefined();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
