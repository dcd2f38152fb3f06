/**
 * Volumes: events of each type, users and hours of the day against the same of the reference days.
 *
 * A count is odd when it is both far in proportion and far by the robust z = (n − median) / scale,
 * scale = max(1.4826 · MAD, √median).
 */
import { EVENT_TYPES, type EventType } from '../contracts/device-log.ts';
import { examplesOf } from './examples.ts';
import {
  type CheckResult,
  type Example,
  type Limits,
  type Measure,
  shown,
  unjudged,
} from './result.ts';
import { dateParameters, type Source, tableName } from './source.ts';
import { robustCount } from './statistics/robust.ts';

const LIMITS: Limits = { warn: [0.7, 1.43], stop: [0.5, 2] };
/** Robust deviations that a count may lie from the median whatever the proportion. */
const Z = 3.5;
/** Fewer days say nothing of how much days differ. */
const MIN_DAYS = 2;
/** Users that an hour has on a usual day before its silence is odd: chance e⁻¹². */
const HOUR_USERS = 12;
const HOURS: Limits = { warn: 0, stop: 2 };

export interface DayVolume {
  date: string;
  byType: Record<string, number>;
  users: number;
}

interface HourCount {
  date: string;
  type: EventType;
  hour: number;
  n: number;
}

export interface Volumes {
  /** Reference days and the day, oldest first. */
  days: DayVolume[];
  hours: HourCount[];
  /** Active users by date and hour. */
  hourUsers: { date: string; hour: number; users: number }[];
}

const HOUR = '((ts + $offsetMs) // 3600000 % 24)::int';
const LOOKED_AT = `("date" = $day::date or "date" in (select unnest($reference::date[])))`;

/** Counts what the checks and the report need, by one scan of each type. */
export async function readVolumes(source: Source): Promise<Volumes> {
  const counted = EVENT_TYPES.map(
    (type) => `select '${type}' as type, "date", ${HOUR} as hour, user_key, count(*) as n
      from ${tableName(type)} where ${LOOKED_AT} group by all`,
  ).join('\nunion all\n');
  await source.db.createTable('volume', counted, dateParameters(counted, source));
  const day = `strftime("date", '%Y-%m-%d') as date`;
  const hours = await source.db.rows<HourCount>(
    `select ${day}, type, hour, sum(n) as n from volume group by all order by all`,
  );
  const users = await source.db.rows<{ date: string; users: number }>(
    `select ${day}, count(distinct user_key) as users from volume group by all`,
  );
  const hourUsers = await source.db.rows<Volumes['hourUsers'][number]>(
    `select ${day}, hour, count(distinct user_key) as users from volume group by all order by all`,
  );
  const days = [...source.reference, source.day].map((date): DayVolume => {
    const byType: Record<string, number> = {};
    for (const row of hours) {
      if (row.date === date) byType[row.type] = (byType[row.type] ?? 0) + row.n;
    }
    return { date, byType, users: users.find((row) => row.date === date)?.users ?? 0 };
  });
  return { days, hours, hourUsers };
}

const place = ({ day, reference }: Source): string =>
  `date=${day} against ${reference[0]} … ${reference.at(-1)}`;

function countCheck(
  source: Source,
  table: string,
  counts: readonly number[],
  more: { of: string; examples: (surplus: boolean) => Promise<Example[]> },
): Measure | CheckResult {
  const at = { check: `volume/${table}`, table, column: null };
  const today = counts.at(-1)!;
  const { centre, scale } = robustCount(counts.slice(0, -1));
  if (counts.length - 1 < MIN_DAYS) return unjudged(at, `fewer than ${MIN_DAYS} days before`);
  if (centre === 0) return unjudged(at, 'the reference has none');
  const z = (today - centre) / scale;
  return {
    ...at,
    limits: LIMITS,
    value: today / centre,
    noise: (Z * scale) / centre,
    rows: Math.abs(today - centre),
    what: `${more.of} on ${source.day}: ${shown(today)}, usual ${shown(centre)} (${shown(today / centre)} times as many, robust z ${shown(z)})`,
    where: `${table}, ${place(source)}`,
    mend:
      today < centre
        ? 'look for log files that have not arrived and run again when they have'
        : 'look for files delivered twice, load tests or robots',
    examples: () => more.examples(today > centre),
    numbers: { today, usual: centre, z },
  };
}

/** The hours in which a type lacks or exceeds the most against its mean reference hour. */
function oddHours(
  source: Source,
  { hours }: Volumes,
  type: EventType,
  surplus: boolean,
): Example[] {
  const sum = (hour: number, onDay: boolean): number =>
    hours
      .filter(
        (row) => row.type === type && row.hour === hour && (row.date === source.day) === onDay,
      )
      .reduce((total, { n }) => total + n, 0);
  return Array.from({ length: 24 }, (_, hour) => {
    const usual = sum(hour, false) / source.reference.length;
    return { hour, usual, excess: (sum(hour, true) - usual) * (surplus ? 1 : -1) };
  })
    .filter(({ excess }) => excess > 0)
    .sort((a, b) => b.excess - a.excess)
    .map(({ hour, usual }) => ({
      key: `type=${type} hour ${String(hour).padStart(2, '0')}: ${shown(sum(hour, true))}, usual ${shown(Math.round(usual))}`,
      date: source.day,
    }));
}

/** Hours without any event that have many users on the reference days. */
function silentHours(source: Source, { hourUsers }: Volumes): Measure | CheckResult {
  const at = { check: 'volume/hours', table: 'events', column: null };
  if (source.reference.length < MIN_DAYS) return unjudged(at, `fewer than ${MIN_DAYS} days before`);
  const usersOf = (date: string, hour: number): number =>
    hourUsers.find((row) => row.date === date && row.hour === hour)?.users ?? 0;
  const silent = Array.from({ length: 24 }, (_, hour) => {
    const before = source.reference.map((date) => usersOf(date, hour));
    return { hour, usual: before.reduce((sum, n) => sum + n, 0) / before.length };
  }).filter(({ hour, usual }) => usual >= HOUR_USERS && usersOf(source.day, hour) === 0);
  return {
    ...at,
    limits: HOURS,
    value: silent.length,
    rows: silent.length,
    what: `${silent.length} hours of ${source.day} have no event at all`,
    where: `all event types, ${place(source)}`,
    mend: 'bring the log files of these hours and run again',
    examples: async () =>
      silent.map(({ hour, usual }) => ({
        key: `hour ${String(hour).padStart(2, '0')} (usually ${shown(Math.round(usual))} users)`,
        date: source.day,
      })),
  };
}

export function measureVolumes(source: Source, volumes: Volumes): (Measure | CheckResult)[] {
  const { days } = volumes;
  const types = EVENT_TYPES.filter((type) => days.some(({ byType }) => (byType[type] ?? 0) > 0));
  return [
    ...types.map((type) =>
      countCheck(
        source,
        type,
        days.map(({ byType }) => byType[type] ?? 0),
        {
          of: `${type} events`,
          examples: async (surplus) => {
            const [worst, ...rest] = oddHours(source, volumes, type, surplus);
            if (!surplus || !worst) return worst ? [worst, ...rest] : [];
            const hour = Number(/hour (\d+)/.exec(worst.key)![1]);
            const rows = await examplesOf(source, type, `"date" = $day::date and ${HOUR} = $hour`, {
              hour,
            });
            return [worst, ...rows];
          },
        },
      ),
    ),
    countCheck(
      source,
      'users',
      days.map(({ users }) => users),
      { of: 'active users', examples: async () => [] },
    ),
    silentHours(source, volumes),
  ];
}
