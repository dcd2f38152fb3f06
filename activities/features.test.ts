/** How many randomised decisions a window holds, and how many of them have matured. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeSafetensors } from '../lib/safetensors.ts';
import { decisionDays } from './features.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'features-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('counts the days of the window, drawn arms only; a day or a log without decisions has none', async () => {
  const none = { date: '2026-03-02', randomised: 0, matured: 0 };
  expect(await decisionDays(folder, ['2026-03-02'])).toEqual([none]);
  await mkdir(join(folder, 'decisions'));
  for (const [date, propensities] of Object.entries({
    '2026-03-01': [0.5, 0.5],
    '2026-03-03': [0.5, 1, 0, 0.2],
  })) {
    const shape = [propensities.length];
    await writeSafetensors(join(folder, 'decisions', `${date}.safetensors`), {
      propensity: { shape, data: Float32Array.from(propensities) },
      // All but the last.
      matured: { shape, data: Float32Array.from(propensities, (_, i) => Number(i < 3)) },
    });
  }
  expect(await decisionDays(folder, ['2026-03-02', '2026-03-03'])).toEqual([
    none,
    { date: '2026-03-03', randomised: 2, matured: 1 },
  ]);
});
