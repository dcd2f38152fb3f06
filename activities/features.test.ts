/** How many randomised decisions a window holds. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeSafetensors } from '../lib/safetensors.ts';
import { randomisedDecisions } from './features.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'features-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('counts the days of the window, drawn arms only; a day or a log without decisions has none', async () => {
  expect(await randomisedDecisions(folder, ['2026-03-02'])).toBe(0);
  await mkdir(join(folder, 'decisions'));
  for (const [date, propensities] of Object.entries({
    '2026-03-01': [0.5, 0.5],
    '2026-03-03': [0.5, 1, 0, 0.2],
  })) {
    await writeSafetensors(join(folder, 'decisions', `${date}.safetensors`), {
      propensity: { shape: [propensities.length], data: Float32Array.from(propensities) },
    });
  }
  expect(await randomisedDecisions(folder, ['2026-03-02', '2026-03-03'])).toBe(2);
});
