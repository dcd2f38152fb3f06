import fc from 'fast-check';
import { expect, it } from 'vitest';
import { forEachLimited, Slots } from './limit.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('does everything once, and never more at once than allowed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(20), fc.integer({ min: 1, max: 5 }), async (count, limit) => {
      let now = 0;
      let most = 0;
      const done: number[] = [];
      await forEachLimited([...Array(count).keys()], limit, async (item) => {
        now += 1;
        most = Math.max(most, now);
        await turn();
        now -= 1;
        done.push(item);
      });
      expect(done.sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
      expect(most).toBe(Math.min(limit, count));
    }),
    { seed: 1 },
  );
});

it('ends with the first failure, after the work under way, and starts no more', async () => {
  const started: number[] = [];
  const ended: number[] = [];
  const work = forEachLimited([0, 1, 2, 3], 2, async (item, signal) => {
    started.push(item);
    if (item === 0) throw new Error('first');
    await turn();
    expect(signal.aborted).toBe(true);
    ended.push(item);
  });
  await expect(work).rejects.toThrow('first');
  expect([started, ended]).toEqual([[0, 1], [1]]);
});

it('slots hold back what is too much and free themselves on failure', async () => {
  const slots = new Slots(2);
  let now = 0;
  let most = 0;
  const work = async (fail: boolean): Promise<void> => {
    now += 1;
    most = Math.max(most, now);
    await turn();
    now -= 1;
    if (fail) throw new Error('no');
  };
  const outcomes = await Promise.allSettled(
    [true, false, true, false, false, true].map((fail) => slots.run(() => work(fail))),
  );
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(3);
  expect(most).toBe(2);
});
