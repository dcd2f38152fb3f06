/** For tests: a small regular log without faults, stitched and checked, with room to plant some. */
import { join } from 'node:path';
import { Random } from '../../lib/random.ts';
import { type FixtureEvent, NOON, writeLake } from '../stitch/lake-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { checkData, type QualityReport } from './check.ts';
import { qualityConfig } from './config.ts';
import type { CheckResult } from './result.ts';

const HOUR = 3_600_000;
export const DAYS = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05', '2026-03-06'];
const USERS = 60;
const ITEMS = 40;

/** The event as planted; `null` loses it. `day` counts from 0; the last one is judged. */
export type Plant = (
  event: FixtureEvent,
  day: number,
  random: Random,
) => FixtureEvent | FixtureEvent[] | null;

/** One page: a request, six exposures, clicks with 20 %, a decision and a rerank with fair arms. */
function pageEvents(random: Random, user: string, id: string, at: number): FixtureEvent[] {
  const items = Array.from({ length: ITEMS }, (_, i) => `i${i}`);
  const candidates = random.shuffle(items).slice(0, 10);
  const common = {
    user,
    device_id: `phone-${user}`,
    session_id: `s-${id}`,
    received_ts: at + 60_000,
  };
  const ordered = random.chance(0.15) ? candidates[0]! : undefined;
  const events: FixtureEvent[] = [
    {
      ...common,
      type: 'request',
      event_id: id,
      request_id: id,
      ts: at,
      scene: random.chance(0.5) ? 'home' : 'detail',
      page_no: 0,
      trigger: 'open',
      candidates: candidates.map((item_id, position) => ({
        item_id,
        position,
        scores: { ctr: random.uniform() },
      })),
    },
    {
      ...common,
      type: 'decision',
      event_id: `${id}-d`,
      decision_id: `${id}-d`,
      request_id: id,
      ts: at + 20_000,
      arm: random.chance(0.4) ? 'treatment' : 'control',
      propensity: 0.4,
      unexposed: candidates.slice(6),
      depth: 6,
    },
    {
      ...common,
      type: 'rerank',
      event_id: `${id}-r`,
      request_id: id,
      ts: at + 21_000,
      trigger: 'click',
      arm: random.chance(0.5) ? 'initial' : 'random',
      order_before: candidates.slice(6),
      order_after: candidates.slice(6).reverse(),
    },
  ];
  candidates.slice(0, 6).forEach((item_id, position) => {
    const started = at + 1_000 + position * 3_000;
    const seen = { ...common, request_id: id, item_id, ts: started, started };
    const ended = started + 500 + Math.round(2_000 * random.uniform());
    events.push({
      ...seen,
      type: 'exposure',
      event_id: `${id}-e${position}`,
      position,
      ended,
      count: 1,
    });
    if (random.chance(0.2) || item_id === ordered) {
      events.push({
        ...seen,
        type: 'page_view',
        event_id: `${id}-p${position}`,
        ended: ended + 9_000,
      });
    }
    if (item_id === ordered) {
      events.push({
        ...common,
        type: 'order',
        event_id: `${id}-o`,
        request_id: id,
        item_id,
        ts: ended,
      });
    }
  });
  return events;
}

/** Every user opens three pages a day, at any hour from 7 to 18. */
function events(seed: number, plant: Plant): FixtureEvent[] {
  const random = Random.of(seed, 'log');
  const faults = Random.of(seed, 'faults');
  const all: FixtureEvent[] = [];
  for (let day = 0; day < DAYS.length; day++) {
    for (let user = 0; user < USERS; user++) {
      for (let page = 0; page < 3; page++) {
        const at = NOON + day * 24 * HOUR + Math.floor((random.uniform() * 11 - 5) * HOUR);
        all.push(...pageEvents(random, `u${user}`, `q-${day}-${user}-${page}`, at));
      }
    }
  }
  return all.flatMap((event) => {
    const day = Math.floor((event.ts! - NOON + 12 * HOUR) / (24 * HOUR));
    return plant(event, day, faults) ?? [];
  });
}

export interface Checked {
  report: QualityReport;
  /** The result of a check. @throws Error when no check has this name */
  of(check: string): CheckResult;
  /** Names of the failed checks. */
  failed: string[];
}

export async function checkedFixture(
  folder: string,
  options: {
    seed?: number;
    plant?: Plant;
    /** Section `quality` of the settings. */
    quality?: unknown;
    items?: number;
    /** Of a user with more events, the latest so many are stitched. */
    maxUserEvents?: number;
    /** Between stitching and checking. */
    damage?: (folders: { lakeDir: string; samplesDir: string }) => Promise<void>;
  } = {},
): Promise<Checked> {
  const lakeDir = join(folder, 'lake');
  const samplesDir = join(folder, 'samples');
  await writeLake(lakeDir, {
    events: events(options.seed ?? 1, options.plant ?? ((event) => event)),
    items: Array.from({ length: options.items ?? ITEMS }, (_, i) => ({ item_id: `i${i}` })),
  });
  const { maxUserEvents = 200_000 } = options;
  await stitch({ lakeDir, outDir: samplesDir, threads: 1, maxUserEvents });
  await options.damage?.({ lakeDir, samplesDir });
  const config = qualityConfig.parse(options.quality ?? {});
  const report = await checkData({ lakeDir, samplesDir, outDir: join(folder, 'quality'), config });
  return {
    report,
    failed: report.checks.filter(({ passed }) => !passed).map(({ check }) => check),
    of(check) {
      const found = report.checks.find((one) => one.check === check);
      if (!found) throw new Error(`no check ${check}`);
      return found;
    },
  };
}
