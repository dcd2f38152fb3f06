import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextIndex } from '../../columns/text-index.ts';
import { capOf, countEvents, partsOf } from './user-cut.ts';

/** Codes of the keys in this order, which is not that of the keys. */
function usersOf(keys: readonly string[]): TextIndex {
  const users = new TextIndex();
  for (const key of keys) users.codeOfText(key);
  return users;
}

describe('users of a bucket', () => {
  it('are counted over all row groups, only the chosen ones', () => {
    const users = usersOf(['b', 'a', 'c']);
    const run = (user: number[], from: number[], to: number[]) => ({
      user: Int32Array.from(user),
      from: Int32Array.from(from),
      to: Int32Array.from(to),
    });
    const runs = [run([0, 1, 0], [0, 5, 7], [5, 7, 8]), run([2, 1], [0, 1], [1, 2])];
    expect([...countEvents(users, runs)]).toEqual([6, 3, 1]);
    expect([...countEvents(users, runs, new Set(['a', 'c', 'x']))]).toEqual([0, 3, 1]);
  });

  it('are cut by the bytes of their keys into parts, none divided, those without events left out', () => {
    const users = usersOf(['d', 'a', 'none', 'c', 'b']);
    const parts = partsOf(users, Float64Array.of(1, 4, 0, 9, 3), {
      eventsPerPart: 5,
      maxUserEvents: 6,
    });
    // Events before a 0, b 4, c 7, d 13 (of the nine of c six count): parts 0, 0, 1, 2.
    expect(parts).toEqual([
      { first: 'a', last: 'b', users: [1, 4] },
      { first: 'c', last: 'c', users: [3] },
      { first: 'd', last: 'd', users: [0] },
    ]);
    // In UTF-16 the second would come first.
    const wide = usersOf(['\u{1F600}', '\uFF5E']);
    const [all] = partsOf(wide, Float64Array.of(1, 1), { eventsPerPart: 9, maxUserEvents: 9 });
    expect(all).toMatchObject({ first: '\uFF5E', last: '\u{1F600}' });
  });
});

describe('of a user with too many events', () => {
  it('the latest count, with all of the same millisecond', () => {
    expect(capOf(Float64Array.of(5, 1, 3, 2, 4), 3)).toEqual({ firstTs: 3, dropped: 2 });
    expect(capOf(Float64Array.of(5, 1, 3, 3, 4), 3)).toEqual({ firstTs: 3, dropped: 1 });
  });

  it('at least as many count as are wanted, and without the first millisecond too few', () => {
    const time = fc.integer({ min: 0, max: 9 });
    fc.assert(
      fc.property(fc.array(time, { minLength: 2, maxLength: 30 }), fc.nat(), (times, n) => {
        const most = 1 + (n % (times.length - 1));
        const { firstTs, dropped } = capOf(Float64Array.from(times), most);
        const kept = times.filter((ts) => ts >= firstTs).length;
        expect(dropped).toBe(times.length - kept);
        expect(kept).toBeGreaterThanOrEqual(most);
        expect(times.filter((ts) => ts > firstTs).length).toBeLessThan(most);
      }),
    );
  });
});
