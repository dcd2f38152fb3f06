/** What the simulated world is like, from its truth: activity, the best reachable GAUC, uplift. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDb } from '../data/duckdb.ts';
import { evaluatePredictions } from '../models/metrics/evaluate.ts';
import { worldParams } from '../simulator/params.ts';
import { simulate } from '../simulator/simulate.ts';
import type { Bench, BenchLine } from './types.ts';

interface Activity {
  users: number;
  events: number;
  median: number;
  p99: number;
}

interface Uplift {
  decisions: number;
  average: number;
  deviation: number;
  notPositive: number;
}

interface ShownRow {
  list: number;
  user: number;
  click: number;
  withoutSlate: number;
  clicked: number;
}

const ACTIVITY = `
  with per_user as (
    select user_id, count(distinct event_id) as events
    from read_json($events, format = 'newline_delimited', columns = {
      event_id: 'varchar', user_id: 'varchar'
    })
    group by user_id
  )
  select count(*) as users, sum(events)::bigint as events,
    quantile_cont(events, 0.5) as median, quantile_cont(events, 0.99) as p99
  from per_user`;

// The second horizon is ten slots.
const UPLIFT = `
  with decision as (
    select truth.treatment."order"[2] - truth.control."order"[2] as uplift
    from read_json($decisions, format = 'newline_delimited')
  )
  select count(*) as decisions, avg(uplift) as average, stddev_samp(uplift) as deviation,
    avg((uplift <= 0)::int) as "notPositive"
  from decision`;

const SHOWN = `
  with event as (
    select event_id, any_value(user_id) as user_id
    from read_json($events, format = 'newline_delimited', columns = {
      event_id: 'varchar', user_id: 'varchar', type: 'varchar'
    })
    where type = 'exposure'
    group by event_id
  )
  select dense_rank() over (order by request_id)::int as list,
    dense_rank() over (order by user_id)::int as "user",
    click, click_without_slate as "withoutSlate", clicked::int as clicked
  from read_json($exposures, format = 'newline_delimited')
  join event using (event_id)`;

async function measure(logs: string, truth: string, lastDate: string): Promise<BenchLine[]> {
  const db = await DuckDb.open({ tempDir: join(truth, 'tmp') });
  try {
    const events = join(logs, 'events', '*', '*.ndjson.gz');
    const activity = await db.row<Activity>(ACTIVITY, { events });
    const decisions = join(truth, 'decisions', '*.ndjson.gz');
    const uplift = await db.row<Uplift>(UPLIFT, { decisions });
    const exposures = join(truth, 'exposures', `${lastDate}.ndjson.gz`);
    const shown = await db.rows<ShownRow>(SHOWN, { events, exposures });
    const column = (name: keyof ShownRow) => shown.map((row) => row[name]);
    const { models } = evaluatePredictions(
      { list: column('list'), user: column('user'), label: column('clicked') },
      {
        truth: { kind: 'probability', scores: column('click') },
        'truth without the slate’s effect': {
          kind: 'probability',
          scores: column('withoutSlate'),
        },
      },
      { seed: 1 },
    );
    const data = 'simulated week';
    return [
      ...(['median', 'p99'] as const).map((name) => ({
        figure: `events per user, ${name}`,
        value: Math.round(activity[name]),
        ...(name === 'p99' ? { target: '≥ 2,000' } : {}),
        data,
        n: activity.users,
        extra: { events: activity.events },
      })),
      ...Object.entries(models).map(([name, { gauc }]) => ({
        figure: `GAUC per slate, ${name}`,
        value: gauc!.value,
        data: `${data}, last day`,
        n: shown.length,
        extra: { low: gauc!.low, high: gauc!.high },
      })),
      {
        figure: 'uplift of an order within ten slots, mean over decisions',
        value: uplift.average,
        data,
        n: uplift.decisions,
        extra: { deviation: uplift.deviation, shareNotPositive: uplift.notPositive },
      },
    ];
  } finally {
    db.close();
  }
}

export const bench: Bench = {
  name: 'simulator',
  describe: 'activity, reachable GAUC and uplift of the simulated world [--users N]',
  async run(args) {
    const { values } = parseArgs({ args, options: { users: { type: 'string' } } });
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-world-'));
    try {
      const [logs, truth] = [join(folder, 'logs'), join(folder, 'truth')];
      const count = values.users === undefined ? {} : { users: { count: Number(values.users) } };
      const { lastDate } = await simulate({ params: worldParams.parse(count), out: logs, truth });
      return await measure(logs, truth, lastDate);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
