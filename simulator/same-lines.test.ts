import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listFiles } from '../lib/files.ts';
import { changeWorld } from './params.ts';
import { simulate } from './simulate.ts';
import { frozenWorlds, readWorld } from './worlds.ts';

/**
 * SHA-256 over the names of all files of lines and what is in them, uncompressed, of two days of 20
 * users in each frozen world: log and truth. A change here is a change of every log that was ever described by
 * a world's name, so it has to be meant.
 */
const LINES: Record<string, string> = {
  calibrated: '41e39220e590993b8dd906d206d3eb1a1d209e399e9e7f6ca9330c5e5140899b',
  default: '6a53643998f2684e44a86c3b8400b6b3ae7e44aa038bfc72a317c14b1f50015f',
  'null-no-cohorts': 'eb3cb974a40bf84e9b024dc33734f9a9022d3e255df76322c194ca956e35e702',
  'null-no-detail-signal': '5d783336ee32c755eb07e231e3a66897fcb4d4e528f8f03d7b40f4673523cdc4',
  'null-no-drift': '9912836e35190ad91e2377e449aeae2c50ce360a1ae1ecb2f6284578975110cf',
  'null-no-position-bias': '90378cadd8665857f838c5bed29c8f32a5d303fafa3ee727c8d2c95c58f4216f',
  'null-no-slate-effect': '3d7dea0132047251e5ed9edbfe70ecb9cbd8ade9f4cc2862c8aa19e1263416d5',
  'null-no-uplift': '2a6fea268a471482d0e917bc54b6d20356624143950ec26b7ff0f7b42f5a3e1a',
  'null-no-worse-model': '5bc37287db14b67aa14ea934dc0733bf94dc3cc70c68434fc647db938d2b0382',
  'worse-model': '9e0ceb71992b4386d2ce8830cf1245967fd920fffed72de70634543629298a17',
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-same-lines-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function linesHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  const files = (await listFiles(path)).filter((file) => file.endsWith('.gz'));
  for (const file of files.sort())
    hash.update(`${file}\n`).update(gunzipSync(await readFile(join(path, file))));
  return hash.digest('hex');
}

describe('the lines of a frozen world', () => {
  it('are told for each of them', () => {
    expect(Object.keys(LINES).sort()).toEqual(frozenWorlds());
  });

  it.each(frozenWorlds())('%s are the same to the last byte as ever', async (world) => {
    const { params } = readWorld(world);
    const few = changeWorld(params, {
      days: 2,
      users: { count: 20, sessionsPerDay: 1 },
      log: { late: 0.1, duplicates: 0.02, killed: 0.2 },
    });
    const out = join(folder, world);
    await simulate({ params: few, out: join(out, 'logs'), truth: join(out, 'truth'), lanes: 1 });
    expect(await linesHash(out)).toBe(LINES[world]);
  });
});
