import { expect, it } from 'vitest';
import type { DailyInput } from '../workflows/types.ts';
import { differences, inputHashes } from './start-daily.ts';

const input = {
  date: '2026-03-08',
  dates: ['2026-03-06', '2026-03-07', '2026-03-08'],
  logsDir: '/logs',
  params: { ingest: { buckets: 8, userKeyId: 'k' } },
  gitSha: 'abc',
  channel: 'stable',
} as unknown as DailyInput;

it('lets an equal run be joined, however its fields are ordered', () => {
  const same = { ...input, force: false };
  same.params = { ingest: { userKeyId: 'k', buckets: 8 } } as unknown as DailyInput['params'];
  expect(differences(inputHashes(same), inputHashes(input))).toEqual([]);
});

it.each([
  [{ channel: 'canary' }, '--channel'],
  [{ logsDir: '/other' }, '--logs'],
  [{ dates: input.dates.slice(1) }, '--days'],
  [{ params: { ingest: { buckets: 4, userKeyId: 'k' } } }, '--config or the backend'],
  [{ force: true }, '--force'],
  [{ gitSha: 'def' }, 'the checked-out commit'],
])('names what another run differs in: %o', (change, name) => {
  const other = { ...input, ...change } as unknown as DailyInput;
  expect(differences(inputHashes(other), inputHashes(input))).toEqual([name]);
});

it('does not join a run of which it knows nothing', () => {
  expect(differences(inputHashes(input), {})).not.toEqual([]);
});
