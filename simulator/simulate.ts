/** Runs a world for its days under the logging policy and writes the logs, and the truth apart. */
import { join } from 'node:path';
import type { DatasetDescription } from '../data/contracts/dataset.ts';
import { createFolderAtomic, writeFileAtomic } from '../lib/files.ts';
import { canonicalJson, sha256 } from '../lib/hash.ts';
import type { RunOptions } from '../lib/progress.ts';
import { Random } from '../lib/random.ts';
import { itemRowOf } from './catalogue.ts';
import { laneOfUsers } from './lane.ts';
import { type Lane, lanesFor, openLanes } from './lane-thread.ts';
import { LineBytes, linesOf } from './line-bytes.ts';
import { GzipLines } from './log-folder.ts';
import type { WorldParams } from './params.ts';
import type { Policy } from './policy.ts';
import { World } from './world.ts';
import type { WorldOrigin } from './worlds.ts';

/** Bytes for which lines that are sent again have room at first. */
const AGAIN = 1 << 16;

export interface SimulationSummary {
  /** Lines written, duplicates included. */
  lines: number;
  duplicates: number;
  events: Record<string, number>;
  users: number;
  items: number;
  firstDate: string;
  lastDate: string;
  /** SHA-256 of the parameters, which stands in the truth as well. */
  paramsSha256: string;
}

export interface SimulateInput {
  params: WorldParams;
  /** Where the parameters come from; log and truth tell it. */
  origin?: WorldOrigin;
  /** New folder for the logs. */
  out: string;
  /** New folder for the truth; null: it is neither worked out nor written. */
  truth: string | null;
  /** Default: `loggingPolicy`. Another one plays in a single lane. */
  policy?: Policy;
  /**
   * Threads that play sessions; 1 plays in this thread. The bytes do not depend on it.
   * @default as many as there are cores, up to 4; fewer for a small world
   */
  lanes?: number | undefined;
}

/**
 * Writes a log folder and, beside it, the truth. Both appear whole or not at all; the events are the
 * same whether the truth is wanted or not.
 */
export async function simulate(
  input: SimulateInput,
  options: RunOptions = {},
): Promise<SimulationSummary> {
  const { out, truth } = input;
  return createFolderAtomic(out, (logs) =>
    truth === null
      ? run(input, logs, null, options)
      : createFolderAtomic(truth, (apart) => run(input, logs, apart, options)),
  );
}

async function run(
  { params, origin, policy, lanes = lanesFor(params) }: SimulateInput,
  logs: string,
  truth: string | null,
  options: RunOptions,
): Promise<SimulationSummary> {
  const open = openLanes(params, policy ? 1 : lanes, truth !== null, policy);
  try {
    return await write({ params, ...(origin && { origin }) }, open, logs, truth, options);
  } finally {
    await Promise.all(open.map((lane) => lane.close()));
  }
}

/** Takes the sessions back from their lanes in the order of the plan, and writes them down. */
async function write(
  { params, origin }: Pick<SimulateInput, 'params' | 'origin'>,
  lanes: Lane[],
  logs: string,
  truth: string | null,
  { signal, onProgress }: RunOptions,
): Promise<SimulationSummary> {
  const world = new World(params);
  const laneOf = laneOfUsers(world.population.sessionsPerDay, lanes.length);
  const end = world.startOf(params.days);
  const resend = Random.of(params.seed, 'resend');
  const summary: SimulationSummary = {
    lines: 0,
    duplicates: 0,
    events: {},
    users: params.users.count,
    items: params.items.count,
    firstDate: params.from,
    lastDate: world.dateOf(end - 1),
    paramsSha256: sha256(canonicalJson(params)),
  };
  await writeTables(world, logs);
  /** Lines by the date on which they will be received. */
  const waiting = new Map<string, Uint8Array[]>();

  for (let day = 0; day < params.days; day++) {
    if (day > 0) world.advance();
    const date = world.dateOf(world.startOf(day));
    const planned = world.plan();
    const parts = params.log.filesPerDay;
    const exposures = await truthFile(truth, 'exposures', date);
    const decisions = await truthFile(truth, 'decisions', date);
    const again = new LineBytes(AGAIN);

    for (let part = 0; part < parts; part++) {
      const file = await GzipLines.create(eventFile(logs, date, part));
      if (part === 0) summary.lines += await takeWaiting(waiting, date, file);
      const from = Math.floor((planned.length * part) / parts);
      const to = Math.floor((planned.length * (part + 1)) / parts);
      for (let s = from; s < to; s++) {
        signal?.throwIfAborted();
        const session = await lanes[laneOf[planned[s]!.user]!]!.next();
        file.add(session.events);
        summary.lines += session.lines;
        const twice = new Set<number>();
        for (let i = 0; i < session.lines; i++) {
          if (resend.chance(params.log.duplicates)) twice.add(i);
        }
        if (twice.size > 0) {
          summary.lines += twice.size;
          summary.duplicates += twice.size;
          let i = 0;
          for (const line of linesOf(session.events)) if (twice.has(i++)) again.append(line);
        }
        for (const { date: on, lines } of session.late) {
          const more = waiting.get(on);
          if (more) more.push(lines);
          else waiting.set(on, [lines]);
        }
        for (const [type, count] of Object.entries(session.counts)) {
          summary.events[type] = (summary.events[type] ?? 0) + count;
        }
        exposures?.add(session.exposures);
        decisions?.add(session.decisions);
        await file.drain();
        await exposures?.drain();
        await decisions?.drain();
        if (s % 50 === 0) {
          onProgress?.({
            message: `day ${day + 1} of ${params.days}: ${s} of ${planned.length} sessions`,
            fraction: (day + s / planned.length) / params.days,
          });
        }
      }
      file.add(again.view());
      again.clear();
      await file.close();
    }
    await exposures?.close();
    await decisions?.close();
    if (truth) await writeUserTruth(world, truth, date);
  }
  for (const date of [...waiting.keys()].sort()) {
    const file = await GzipLines.create(eventFile(logs, date, 0));
    summary.lines += await takeWaiting(waiting, date, file);
    await file.close();
  }
  if (truth) await writeWorldTruth(world, truth, summary, origin);
  await writeDescription(logs, summary, params, origin);
  onProgress?.({ message: `${summary.lines} lines`, fraction: 1 });
  return summary;
}

const eventFile = (logs: string, date: string, part: number): string =>
  join(logs, 'events', date, `part-${String(part).padStart(3, '0')}.ndjson.gz`);

async function truthFile(
  truth: string | null,
  kind: 'exposures' | 'decisions',
  date: string,
): Promise<GzipLines | null> {
  return truth === null ? null : GzipLines.create(join(truth, kind, `${date}.ndjson.gz`));
}

/** @returns how many lines had waited */
async function takeWaiting(
  waiting: Map<string, Uint8Array[]>,
  date: string,
  file: GzipLines,
): Promise<number> {
  let count = 0;
  for (const lines of waiting.get(date) ?? []) {
    file.add(lines);
    for (const _ of linesOf(lines)) count++;
    await file.drain();
  }
  waiting.delete(date);
  return count;
}

async function writeLines(path: string, rows: Iterable<object>): Promise<void> {
  const lines = await GzipLines.create(path);
  for (const row of rows) {
    lines.addRow(row);
    await lines.drain();
  }
  await lines.close();
}

async function writeTables(world: World, logs: string): Promise<void> {
  const { catalogue, population } = world;
  const items = Array.from({ length: catalogue.count }, (_, item) => itemRowOf(catalogue, item));
  await writeLines(join(logs, 'tables', 'items.ndjson.gz'), items);
  await writeLines(
    join(logs, 'tables', 'users.ndjson.gz'),
    (function* () {
      for (let user = 0; user < population.count; user++) yield population.userRow(user);
    })(),
  );
}

async function writeDescription(
  logs: string,
  summary: SimulationSummary,
  params: WorldParams,
  origin: WorldOrigin | undefined,
): Promise<void> {
  const description: DatasetDescription = {
    name: 'simulated',
    kind: 'simulated',
    notes: [
      'Made by the simulator of this project: no person, item or purchase in it is real.',
      'Rates of clicks and orders and all effects are larger than in a real shop, so that a week of a thousand users suffices to learn them.',
      ...(origin ? [describeOrigin(origin)] : []),
      `Parameters sha256:${summary.paramsSha256}`,
    ],
    license: 'Apache-2.0',
    utc_offset_minutes: params.log.utcOffsetMinutes,
    first_date: summary.firstDate,
    last_date: summary.lastDate,
  };
  await writeFileAtomic(join(logs, 'dataset.json'), `${JSON.stringify(description, null, 2)}\n`);
}

function describeOrigin({ name, sha256, changed }: WorldOrigin): string {
  const but = changed.length === 0 ? '' : `, but for ${changed.join(', ')}`;
  return `World ${name}, file sha256:${sha256}${but}`;
}

const rounded = (values: Iterable<number>): number[] =>
  Array.from(values, (x) => Number(x.toFixed(4)));

/** Cohort and taste of every user as they were on one day. */
async function writeUserTruth({ population }: World, truth: string, date: string): Promise<void> {
  const size = population.tastes.length / population.count;
  const rows = population.ids.map((user_id, user) => ({
    user_id,
    cohort: population.cohort[user],
    sessions_per_day: Number(population.sessionsPerDay[user]!.toFixed(4)),
    click_bias: Number(population.bias[user]!.toFixed(4)),
    taste: rounded(population.tastes.subarray(user * size, (user + 1) * size)),
  }));
  await writeLines(join(truth, 'users', `${date}.ndjson.gz`), rows);
  const cohorts = {
    date,
    click_bias: rounded(population.cohortBias),
    trend: rounded(population.trend),
  };
  await writeFileAtomic(join(truth, 'cohorts', `${date}.json`), `${JSON.stringify(cohorts)}\n`);
}

async function writeWorldTruth(
  { params, catalogue }: World,
  truth: string,
  summary: SimulationSummary,
  origin: WorldOrigin | undefined,
): Promise<void> {
  const size = catalogue.vectors.length / catalogue.count;
  const items = catalogue.ids.map((item_id, item) => ({
    item_id,
    quality: Number(catalogue.quality[item]!.toFixed(4)),
    curiosity: Number(catalogue.curiosity[item]!.toFixed(4)),
    vector: rounded(catalogue.vectors.subarray(item * size, (item + 1) * size)),
  }));
  await writeLines(join(truth, 'items.ndjson.gz'), items);
  const world = {
    ...(origin && { origin }),
    params,
    params_sha256: summary.paramsSha256,
    complement: [...catalogue.complement],
  };
  await writeFileAtomic(join(truth, 'world.json'), `${JSON.stringify(world, null, 2)}\n`);
}
