/** Runs the settings of docs/guide/features.md: what they declare reaches the tensors, a phone and `sample show`. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSettings } from '../../../cli/params.ts';
import { FeatureInterpreter } from '../../../device/features/interpreter.ts';
import { findSample, listSampleIds } from '../../samples/find.ts';
import { type Kind, withSamples } from '../../samples/open.ts';
import { showSample } from '../../samples/show-sample.ts';
import { openFitted } from '../../samples/tensors.ts';
import { writeLake } from '../../stitch/lake-fixture.ts';
import { stitch } from '../../stitch/stitch.ts';
import { buildFeatures } from '../build-features.ts';
import { parseFeaturesConfig } from '../config.ts';
import { lakeWithVideos } from '../varied-lake-fixture.ts';

const GUIDE = new URL('../../../docs/guide/features.md', import.meta.url);
const DATES = ['2026-03-02', '2026-03-03'];
const NAMES = ['cart_brand', 'page_detail_dwell', 'watched_position_x_like'];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'features-guide-'));
  const [, settings] = /^```json\n(.*?)^```$/ms.exec(await readFile(GUIDE, 'utf8'))!;
  await writeFile(join(folder, 'settings.json'), settings!);
  const { features } = await readSettings(join(folder, 'settings.json'));
  await writeLake(join(folder, 'lake'), lakeWithVideos());
  await stitch({ lakeDir: join(folder, 'lake'), outDir: join(folder, 'samples') });
  await buildFeatures({
    ...{ samplesDir: join(folder, 'samples'), outDir: join(folder, 'tensors') },
    ...{ trainDates: DATES.slice(0, 1), dates: DATES },
    config: parseFeaturesConfig(features, 'the guide'),
  });
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('is what features.json declares, fitted, and what the page views of the models have', async () => {
  const text = await readFile(join(folder, 'tensors', 'features.json'), 'utf8');
  const { spec } = FeatureInterpreter.open(JSON.parse(text));
  const own = spec.declared.filter(({ name }) => NAMES.includes(name));
  expect(own.map(({ name, samples }) => [name, samples])).toEqual([
    ['cart_brand', ['rerank']],
    ['page_detail_dwell', ['rerank', 'decision']],
    ['watched_position_x_like', ['video']],
  ]);
  expect(own[0]!.expression).toMatchObject({ values: ['b0', 'b1', 'b2', 'b3'] });
  expect(spec.actions.page_view.at(-1)!.name).toBe('page_detail_dwell');
});

it.each([
  ['rerank', ['cart_brand', 'page_detail_dwell']],
  ['decision', ['page_detail_dwell']],
  ['video', ['watched_position_x_like']],
] as [Kind, string[]][])('shows in a %s sample, equal in the tensors', async (kind, names) => {
  const fitted = await openFitted(join(folder, 'tensors'));
  const values = new Map(names.map((name) => [name, new Set<number>()]));
  await withSamples(join(folder, 'samples'), async (reader) => {
    const { rows } = await listSampleIds(reader, { kind, limit: 400 });
    for (const { id } of rows.filter((_, i) => i % 7 === 6)) {
      const found = await findSample(reader, id, [kind]);
      const { features, encoded } = await showSample(reader, found, { fitted, lakeDir: null });
      const own = features.filter(
        ({ group, name }) => group === 'declared' && names.includes(name),
      );
      expect(own.map(({ name }) => name)).toEqual(names);
      for (const { name, differs, values: of } of own) {
        expect(differs).toEqual(encoded && 'row' in encoded ? [] : null);
        for (const value of of) values.get(name)!.add(value);
      }
    }
  });
  for (const [name, of] of values) expect([name, of.size > 1]).toEqual([name, true]);
});
