/**
 * What the cloud heard of each user on each business day. Unlike the samples these are the cloud's
 * knowledge: an event counts on the day on which the cloud received it (on its own day where the log has
 * no receive time), so that what is summed before a day was known before it. A click counts once both
 * the exposure and the page view had arrived.
 */
import type { Part } from './part.ts';
import type { UserRows } from './rerank-rows.ts';
import type { SampleTable } from './sample-table.ts';

const FACTS = [
  'exposures',
  'clicks',
  'page_views',
  'requests',
  'reranks',
  'plays',
  'likes',
  'orders',
  'decisions',
] as const;
type Fact = (typeof FACTS)[number];

type Day = Record<Fact, number> & { sessions: Set<number> };

const SOURCES = [
  ['exposure', 'exposures'],
  ['page_view', 'page_views'],
  ['request', 'requests'],
  ['rerank', 'reranks'],
  ['play', 'plays'],
  ['feedback', 'likes'],
  ['order', 'orders'],
  ['decision', 'decisions'],
] as const;

const emptyDay = (): Day => ({
  exposures: 0,
  clicks: 0,
  page_views: 0,
  requests: 0,
  reranks: 0,
  plays: 0,
  likes: 0,
  orders: 0,
  decisions: 0,
  sessions: new Set(),
});

/** Appends the user's days, oldest first. */
export function writeUserDays(
  part: Part,
  { user, exposures }: UserRows,
  offsetMs: number,
  table: SampleTable,
): void {
  const days = new Map<number, Day>();
  let [lastDay, last] = [Number.NaN, emptyDay()];
  const dayOf = (heard: number): Day => {
    const day = Math.floor((heard + offsetMs) / 86_400_000);
    if (day === lastDay) return last;
    lastDay = day;
    const found = days.get(day);
    last = found ?? emptyDay();
    if (!found) days.set(day, last);
    return last;
  };
  for (const [type, fact] of SOURCES) {
    const events = part.tables[type];
    const heard = events.floats('heard');
    const session = events.ints('session');
    const like = type === 'feedback' ? events.ints('like') : undefined;
    let known = -2;
    let knownOf: Day | undefined;
    for (let i = events.from[user]!; i < events.from[user + 1]!; i++) {
      const row = events.order[i]!;
      if (like && like[row] !== 1) continue;
      const day = dayOf(heard[row]!);
      day[fact]++;
      if (session[row]! < 0 || (session[row] === known && day === knownOf)) continue;
      known = session[row]!;
      knownOf = day;
      day.sessions.add(known);
    }
  }
  const heard = part.tables.exposure.floats('heard');
  for (let e = 0; e < exposures.count; e++) {
    if (exposures.click[e] !== 1) continue;
    dayOf(Math.max(heard[exposures.row[e]!]!, exposures.clickHeard[e]!)).clicks++;
  }
  for (const [day, { sessions, ...facts }] of [...days].sort(([a], [b]) => a - b)) {
    table.set('user_key', user);
    table.set('date', day);
    for (const fact of FACTS) table.set(fact, facts[fact]);
    table.set('sessions', sessions.size);
    table.endRow();
  }
}
