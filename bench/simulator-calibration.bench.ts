/** Aggregates of the world `calibrated` beside those of KuaiRand-27K, third-party tables. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDb } from '../data/duckdb.ts';
import { changeWorld } from '../simulator/params.ts';
import { simulate } from '../simulator/simulate.ts';
import { readWorld } from '../simulator/worlds.ts';
import type { Bench, BenchLine } from './types.ts';

/**
 * KuaiRand-27K, standard policy, 27,285 users over 31 days (8 April to 8 May 2022), from third-party
 * tables derived from it. Tab 1, the largest, stands for `home`, tab 0 for `search-feed`.
 */
const TARGETS = {
  'click rate, home (tab 1)': 0.4436,
  'click rate, search-feed (tab 0)': 0.116,
  'share of exposures in search-feed (tab 0 of tabs 0 and 1)': 0.2284,
  'click rate in random order over that of the ranker, home': 0.1773 / 0.4436,
  'sessions of a user a day, mean': 150.16 / 31,
  'sessions of a user, median over mean': 149 / 150.16,
  'sessions of a user, 90th percentile over mean': 241 / 150.16,
  'exposures of a user a day, mean': 322_278_385 / 27_285 / 31,
  'exposures of a user, median over mean': 8594 / 11_811.5,
  'exposures of a user, 90th percentile over mean': 24_587 / 11_811.5,
  'exposures of a session, mean': 78.7,
  'gap between requests, median': 80,
  'share of exposures at the quietest hour (4)': 2_617_287 / 322_278_385,
  'share of exposures at the busiest hour (21)': 22_117_433 / 322_278_385,
  'share of exposures of the top 1 % of items': 0.4411,
  'Gini of exposures over items': 0.5314,
} as const;

const MEASURE = `
  with event as (
    select * from read_json($events, format = 'newline_delimited', columns = {
      event_id: 'varchar', type: 'varchar', user_id: 'varchar', session_id: 'varchar', ts: 'bigint',
      request_id: 'varchar', item_id: 'varchar', scene: 'varchar', arm: 'varchar', trigger: 'varchar'
    })
    qualify row_number() over (partition by event_id order by ts) = 1
  ),
  request as (select * from event where type = 'request'),
  clicked as (select distinct request_id, item_id from event where type = 'page_view'),
  exposure as (
    select event.*, request.scene as feed, request.arm as ranker, clicked.item_id is not null as click,
      hour(epoch_ms(event.ts + 480 * 60000)) as local_hour
    from event join request using (request_id)
    left join clicked on clicked.request_id = event.request_id and clicked.item_id = event.item_id
    where event.type = 'exposure'
  ),
  per_user as (
    select user_id, count(*) as n, count(distinct session_id) as sessions from exposure
    where ranker = 'champion' group by user_id
  ),
  gap as (
    select (ts - lag(ts) over (partition by session_id order by ts)) / 1000 as seconds from request
  ),
  item as (
    select n, row_number() over (order by n, item_id) as rank, count(*) over () as items,
      sum(n) over () as total
    from (select item_id, count(*) as n from exposure where ranker = 'champion' group by item_id)
  ),
  final as (
    select
      (select avg(click::int) from exposure where feed = 'home' and ranker = 'champion') as a,
      (select avg(click::int) from exposure where feed = 'search-feed' and ranker = 'champion') as b,
      (select avg((feed = 'search-feed')::int) from exposure) as c,
      (select avg(click::int) filter (ranker = 'challenger') / avg(click::int) filter (ranker = 'champion')
        from exposure where feed = 'home') as d,
      (select avg(sessions) / $days from per_user) as e,
      (select median(sessions) / avg(sessions) from per_user) as f,
      (select quantile_cont(sessions, 0.9) / avg(sessions) from per_user) as g,
      (select avg(n) / $days from per_user) as h,
      (select median(n) / avg(n) from per_user) as i,
      (select quantile_cont(n, 0.9) / avg(n) from per_user) as j,
      (select sum(n) / sum(sessions) from per_user) as k,
      (select median(seconds) from gap) as l,
      (select avg((local_hour = 4)::int) from exposure) as m,
      (select avg((local_hour = 21)::int) from exposure) as n,
      (select sum(n) filter (rank > 0.99 * items) / any_value(total) from item) as o,
      (select sum((2 * rank - items - 1) * n) / (any_value(items) * any_value(total)) from item) as p
  )
  select a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p from final`;

export const bench: Bench = {
  name: 'simulator-calibration',
  describe:
    'aggregates of the calibrated world beside KuaiRand-27K [--users N] [--days N] [--world W]',
  async run(args): Promise<BenchLine[]> {
    const { values } = parseArgs({
      args,
      options: {
        users: { type: 'string' },
        days: { type: 'string' },
        world: { type: 'string', default: 'calibrated' },
      },
    });
    const { params } = readWorld(values.world);
    // An arm ranked by noise alone stands for the random policy.
    const played = changeWorld(params, {
      days: Number(values.days ?? params.days),
      users: { count: Number(values.users ?? params.users.count) },
      rollout: { share: 0.3, loss: 1, unit: 'session' },
    });
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-calibration-'));
    try {
      const logs = join(folder, 'logs');
      const { lines } = await simulate({ params: played, out: logs, truth: null });
      const db = await DuckDb.open({ tempDir: join(folder, 'tmp') });
      const events = join(logs, 'events', '*', '*.ndjson.gz');
      try {
        const row = await db.row<Record<string, number>>(MEASURE, {
          events,
          // Of a user's sessions the champion plays seven in ten.
          days: played.days * 0.7,
        });
        const found = Object.values(row);
        return Object.entries(TARGETS).map(([figure, target], k) => ({
          figure,
          value: found[k]!,
          target: target.toPrecision(3),
          data: `simulated, world ${values.world}`,
          n: lines,
        }));
      } finally {
        db.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
