import { describe, expect, it } from 'vitest';
import { lanesWithin } from './merge-memory.ts';

/** Parts of at most 700,000 events: 350 MB. */
const work = {
  ...{ threads: 4, buckets: 8, events: 80_000_000 },
  ...{ eventsPerPart: 500_000, maxUserEvents: 200_000 },
};

describe('lanes of the merge', () => {
  it.each([
    [4000, 4],
    [1400, 4],
    [1399, 3],
    [700, 2],
    [350, 1],
  ])('within %d MB are %d', (memoryLimitMb, lanes) => {
    expect(lanesWithin({ ...work, memoryLimitMb })).toBe(lanes);
  });

  it('are none below one part: it is refused, with what is needed', () => {
    expect(() => lanesWithin({ ...work, memoryLimitMb: 349 })).toThrow(
      'up to 700,000 events in memory, about 350 MB; it may use 349 MB',
    );
  });

  it('hold small buckets whatever the size of a full part', () => {
    // Twice the mean of 100,000 events: 100 MB.
    expect(lanesWithin({ ...work, events: 800_000, memoryLimitMb: 200 })).toBe(2);
    expect(lanesWithin({ ...work, events: 0, memoryLimitMb: 200 })).toBe(4);
  });
});
