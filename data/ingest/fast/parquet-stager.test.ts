import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../../lib/random.ts';
import { EVENT_COLUMNS } from '../../contracts/columns.ts';
import { exampleEvents } from '../../contracts/example-events.ts';
import { LogFixture } from '../ingest-fixture.ts';
import { structMembers } from '../lake/leaves.ts';
import { UserKeys } from '../user-keys.ts';
import { ParquetStager } from './parquet-stager.ts';

const ROWS = 4000;
const TEXTS = [
  '',
  'x',
  'n'.repeat(64),
  'n'.repeat(65),
  'n'.repeat(128),
  'n'.repeat(129),
  'ü'.repeat(64),
];
const ODD: unknown[] = [
  ...[null, 0, 1, -1, 0.5, 1.5, -0.5, 1e-320, 1e13, 1e308, 100_000, 100_001, 1_000_000, 1_000_001],
  ...[
    '日本語',
    '😀',
    'a\u0000b',
    'tab\there',
    '\u007f',
    '\u0085',
    '\u00a0',
    'open',
    'click',
    ...TEXTS,
  ],
  ...[1_772_438_400_000, 999_999_999_999, 10_000_000_000_000, 'control', 'detail', 'like', '-0'],
];

/** Columns of all types together; `candidates` as a source without scores has them. */
function columnTypes(): Record<string, string> {
  const types: Record<string, string> = {};
  for (const columns of Object.values(EVENT_COLUMNS)) {
    for (const { name, type } of columns) types[name === 'user_key' ? 'user_id' : name] = type;
  }
  return { ...types, candidates: 'STRUCT(item_id VARCHAR, "position" INTEGER)[]' };
}

/** An odd value that the column can hold, for a number, a text, or somewhere in a list. */
function oddValue(type: string, random: Random): unknown {
  const fitting = ODD.filter((odd) => {
    if (odd === null) return true;
    if (type === 'VARCHAR') return typeof odd === 'string';
    if (type === 'DOUBLE') return typeof odd === 'number';
    const most = type === 'INTEGER' ? 2 ** 31 : 2 ** 53;
    return Number.isInteger(odd) && Math.abs(odd as number) < most;
  });
  if (!type.endsWith('[]'))
    return structMembers(type) ? null : fitting[random.below(fitting.length)];
  const element = type.slice(0, -2);
  const members = structMembers(element);
  const one = (): unknown => {
    if (!members) return oddValue(element, random);
    if (random.chance(0.1)) return null;
    const value = ({ name, type: inner }: { name: string; type: string }): unknown =>
      random.chance(0.5)
        ? oddValue(inner, random)
        : name === 'item_id'
          ? 'i'
          : name === 'block'
            ? 'cart'
            : 1;
    return Object.fromEntries(members.map((member) => [member.name, value(member)]));
  };
  if (random.chance(0.1)) return null;
  return Array.from({ length: random.below(3) }, one);
}

function oddRow(i: number, types: Record<string, string>, random: Random): Record<string, unknown> {
  const event = exampleEvents[random.below(exampleEvents.length)]!;
  const row: Record<string, unknown> = { ...event, event_id: `e-${i}`, user_id: `u-${i % 7}` };
  if (event.type === 'request') {
    row.candidates = event.candidates.map(({ scores: _, ...rest }) => rest);
  }
  const names = Object.keys(types);
  while (random.chance(0.5)) {
    const own = Object.keys(row).filter((name) => name !== 'type');
    const from = random.chance(0.9) ? own : names;
    const name = from[random.below(from.length)]!;
    row[name] = oddValue(types[name]!, random);
  }
  return row;
}

describe('rows of Parquet files that are taken by columns, and those that are read one by one', () => {
  let logs: LogFixture;
  beforeAll(async () => {
    logs = await LogFixture.create();
    const random = Random.of(3, 'odd rows');
    const types = columnTypes();
    const lines = Array.from({ length: ROWS }, (_, i) => JSON.stringify(oddRow(i, types, random)));
    await logs.write('odd.ndjson', lines.join('\n'));
    const listed = Object.entries(types).map(([name, type]) => `"${name}": '${type}'`);
    await logs.write('events/.keep', '');
    // Minus zero, not a number and infinity have no place in JSON.
    const special = `case when hash(event_id) % 40 = 0 then '-0'::double
      when hash(event_id) % 40 = 1 then 'nan'::double when hash(event_id) % 40 = 2 then 'inf'::double
      else scroll_speed end`;
    await logs.query(
      `copy (select * replace (if(type = 'exposure', ${special}, scroll_speed) as scroll_speed)
         from read_json('$logs/odd.ndjson', columns = {${listed.join(', ')}}))
       to '$logs/fast.parquet' (format parquet, row_group_size 2048)`,
    );
    // A column that no contract knows keeps all rows from being taken so; null means absent.
    await logs.query(
      `copy (select *, null::varchar as surprise from '$logs/fast.parquet') to '$logs/slow.parquet' (format parquet)`,
    );
  });
  afterAll(async () => {
    await logs.remove();
  });

  test('make the same lake and the same rejects', async () => {
    const read = async (name: string) => {
      await logs.query(
        `copy (from '$logs/${name}.parquet') to '$logs/events/a.parquet' (format parquet)`,
      );
      return logs.ingest({}, name);
    };
    const [fast, slow] = [await read('fast'), await read('slow')];
    expect(fast).toEqual(slow);
    expect(Math.min(fast.stored, fast.rejected)).toBeGreaterThan(500);
    const rejects = async (lake: string): Promise<unknown[]> =>
      (await logs.rejects(lake)).map(({ line, reason, detail, user_key }) => [
        line,
        reason,
        detail,
        user_key,
      ]);
    expect(await rejects('fast')).toEqual(await rejects('slow'));
    for (const type of Object.keys(fast.byType)) {
      const files = `type=${type}/*/*/*.parquet`;
      const [different] = await logs.query<{ n: number }>(
        `with fast as (from read_parquet('$lake/${files}')),
           slow as (from read_parquet('$lake/../slow/${files}'))
         select count(*) as n from (
           (from fast except all from slow) union all (from slow except all from fast))`,
        'fast',
      );
      expect(different!.n, type).toBe(0);
    }
  });

  test('are told apart: most valid rows are taken, and no row when a column is unknown', async () => {
    let handedOn = 0;
    const stager = new ParquetStager({
      clocks: { maxAheadMs: 3.6e6, maxLateMs: 1.2e9, earliestTs: 0, latestTs: 1e15, offsetMs: 0 },
      keys: new UserKeys(Buffer.alloc(32), 3),
      groups: 2,
      onBlock: ({ rows }) => {
        handedOn += rows;
      },
    });
    const { stored } = await logs.ingest({}, 'all');
    const staged = await stager.stage(join(logs.logsDir, 'fast.parquet'), 0);
    expect(staged!.rows).toBeGreaterThan(0.8 * stored);
    expect(staged!.rows).toBeLessThanOrEqual(stored);
    expect(staged!.rows).toBe(handedOn);
    expect(staged!.others.length).toBe(ROWS - staged!.rows);
    expect(await stager.stage(join(logs.logsDir, 'slow.parquet'), 0)).toBeUndefined();
  });
});
