/** For tests: events of the common kinds in one line each, and a lake stitched and read back. */
import { join } from 'node:path';
import { type FixtureEvent, type FixtureLake, NOON, writeLake } from './lake-fixture.ts';
import { readSamples } from './samples-fixture.ts';
import { type StitchOptions, stitch } from './stitch.ts';

/** A second; times below are milliseconds after NOON. */
export const S = 1000;
export const page = (
  request_id: string,
  at: number,
  items: string[],
  more: object = {},
): FixtureEvent => ({
  type: 'request',
  event_id: request_id,
  request_id,
  ts: NOON + at,
  scene: 'home',
  page_no: 0,
  trigger: 'open',
  candidates: items.map((item_id, position) => ({ item_id, position })),
  ...more,
});
export const shown = (
  request_id: string | null,
  item_id: string,
  from: number,
  to: number | null,
  more: object = {},
): FixtureEvent => ({
  type: 'exposure',
  request_id,
  item_id,
  started: NOON + from,
  ended: to === null ? null : NOON + to,
  ...more,
});
export const opened = (
  request_id: string,
  item_id: string,
  from: number,
  to: number | null,
  more: object = {},
): FixtureEvent => ({
  type: 'page_view',
  request_id,
  item_id,
  started: NOON + from,
  ended: to === null ? null : NOON + to,
  ...more,
});

/** Writes the lake below `folder`, stitches it into `folder/samples` and reads the rows. */
export async function stitched(
  folder: string,
  lake: FixtureLake,
  options: Partial<StitchOptions> = {},
) {
  await writeLake(join(folder, 'lake'), lake);
  const outDir = join(folder, 'samples');
  const summary = await stitch({ lakeDir: join(folder, 'lake'), outDir, ...options });
  return {
    summary,
    rerank: await readSamples(outDir, 'rerank'),
    decisions: await readSamples(outDir, 'decisions'),
  };
}
