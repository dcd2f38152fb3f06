import { expect, test } from 'vitest';
import { readAhead } from './read-ahead.ts';

async function* numbers(
  log: string[],
  until: number,
  fail = false,
): AsyncGenerator<number, string> {
  try {
    for (let i = 0; i < until; i++) {
      log.push(`made ${i}`);
      yield i;
    }
    if (fail) throw new Error('broken');
    return 'end';
  } finally {
    log.push('closed');
  }
}

test('gives the values and the result of its source, which works ahead', async () => {
  const log: string[] = [];
  const ahead = readAhead(numbers(log, 5), 3);
  expect(await ahead.next()).toEqual({ value: 0, done: false });
  expect(log).toEqual(['made 0', 'made 1', 'made 2', 'made 3']);
  const rest: unknown[] = [];
  for (let next = await ahead.next(); ; next = await ahead.next()) {
    rest.push(next.value);
    if (next.done) break;
  }
  expect(rest).toEqual([1, 2, 3, 4, 'end']);
});

test('an error comes in its turn, and stopping early closes the source', async () => {
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    for await (const value of readAhead(numbers([], 2, true), 4)) seen.push(value);
  };
  await expect(read()).rejects.toThrow('broken');
  expect(seen).toEqual([0, 1]);
  const log: string[] = [];
  for await (const _ of readAhead(numbers(log, 9), 2)) break;
  expect(log.at(-1)).toBe('closed');
});
