/** What happened around a decision that the phone did not know, read from the lake. */
import { openLake } from '../stitch/lake.ts';
import { EVENT_COLUMNS, viewSql } from '../stitch/lake-schema.ts';
import type { Row } from './find.ts';
import type { SampleReader } from './open.ts';

export interface Unknown {
  type: 'exposure' | 'page_view' | 'play' | 'feedback' | 'order';
  item: string;
  /** ms from the decision to its start or moment; negative before the decision. */
  began_ms: number;
  /** ms from the decision to its end; null where no end was recorded, or the type has none. */
  ended_ms: number | null;
  why: 'not ended yet' | 'no end recorded' | 'not begun yet' | 'on another device';
}

export interface Around {
  /** Events that began within so long before or after the decision are looked at, ms. */
  windowMs: number;
  /** By their beginning. */
  events: Unknown[];
}

const WINDOW_MS = 5 * 60_000;
const DAY_MS = 86_400_000;
const TYPES = ['exposure', 'page_view', 'play', 'feedback', 'order'] as const;

/** @throws EdgeloomError `not-a-lake` */
export async function unknownAround(
  { db }: SampleReader,
  lakeDir: string,
  row: Row,
): Promise<Around> {
  const lake = await openLake(lakeDir);
  const now = row.decision_ts as number;
  const day = Date.parse(row.date as string);
  const near = [-1, 0, 1].map((n) => new Date(day + n * DAY_MS).toISOString().slice(0, 10));
  for (const type of TYPES) {
    const files = lake.files.filter((file) => file.type === type && near.includes(file.date));
    await db.run(
      viewSql(
        `lake_${type}`,
        EVENT_COLUMNS[type],
        files.map(({ path }) => path),
      ),
    );
  }
  const began = (type: (typeof TYPES)[number]): string =>
    type === 'exposure' || type === 'page_view' ? 'started' : 'ts';
  const events = TYPES.map((type) => {
    const ended = began(type) === 'started' ? 'ended' : 'null::bigint';
    return `select '${type}' as type, ${TYPES.indexOf(type)} as place, event_id, item_id, device_id,
      ${began(type)} as began, ${ended} as ended, ${ended === 'ended'} as lasts
      from lake_${type} where user_key = $user and ${began(type)} between $now::bigint - ${WINDOW_MS} and $now::bigint + ${WINDOW_MS}`;
  });
  const rows = await db.rows<{
    type: Unknown['type'];
    item_id: string;
    began: number;
    ended: number | null;
    lasts: boolean;
    same: boolean;
  }>(
    `select *, device_id is not distinct from $device as same from (${events.join(' union all ')})
     order by began, place, event_id`,
    { user: row.user_key as string, device: (row.device_id ?? null) as string | null, now },
  );
  return {
    windowMs: WINDOW_MS,
    events: rows.flatMap(({ type, item_id, began, ended, lasts, same }): Unknown[] => {
      const why = reason({ began: began - now, ended, now, lasts, same });
      if (!why) return [];
      const ended_ms = ended === null ? null : ended - now;
      return [{ type, item: item_id, began_ms: began - now, ended_ms, why }];
    }),
  };
}

/** Known is what had ended strictly before the decision, on the device that decided. */
function reason(event: {
  began: number;
  ended: number | null;
  now: number;
  lasts: boolean;
  same: boolean;
}): Unknown['why'] | undefined {
  const { began, ended, now, lasts, same } = event;
  if (began >= 0) return 'not begun yet';
  if (!same) return 'on another device';
  if (!lasts) return undefined;
  if (ended === null) return 'no end recorded';
  return ended >= now ? 'not ended yet' : undefined;
}
