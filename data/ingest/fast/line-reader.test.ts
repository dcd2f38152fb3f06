import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../../lib/random.ts';
import { checkEvent } from '../../contracts/check-event.ts';
import { exampleEvents } from '../../contracts/example-events.ts';
import { fuzzedLine } from '../fuzz-lines.ts';
import { LogFixture } from '../ingest-fixture.ts';
import { UserKeys } from '../user-keys.ts';
import { LineReader } from './line-reader.ts';
import { spelledLine } from './spelled-lines.ts';

const NEWLINE = Buffer.from('\n');
const joined = (lines: readonly Buffer[]): Buffer =>
  Buffer.concat(lines.flatMap((line) => [line, NEWLINE]));

function openReader(maxLineBytes = 2 ** 24): LineReader {
  return new LineReader({
    ...{ buckets: 3, groups: 2, maxLineBytes, keys: new UserKeys(Buffer.alloc(32), 3) },
    clocks: { maxAheadMs: 1e15, maxLateMs: 1e15, earliestTs: 0, latestTs: 1e15, offsetMs: 0 },
    onRows: () => undefined,
  });
}

/** Which of the lines the reader takes. */
function takenBy(reader: LineReader, lines: readonly Buffer[]): boolean[] {
  const taken = lines.map(() => true);
  const bytes = joined(lines);
  const count = reader.read(bytes, 100, (from, to, rowNo) => {
    expect(bytes.subarray(from, to).equals(lines[rowNo - 100]!)).toBe(true);
    taken[rowNo - 100] = false;
  });
  expect(taken.filter((one) => one)).toHaveLength(count);
  return taken;
}

function isValid(line: Buffer): boolean {
  try {
    const text = new TextDecoder('utf8', { fatal: true, ignoreBOM: true }).decode(line);
    return checkEvent(JSON.parse(text)).event !== undefined;
  } catch {
    return false;
  }
}

/** Lines one by one, so that invalid UTF-8 in one says nothing of the others. */
const takenAlone = (reader: LineReader, lines: readonly Buffer[]): boolean[] =>
  lines.map((line) => takenBy(reader, [line])[0]!);

describe('the line reader', () => {
  test('takes an event of every type, in the order of the contract, backwards and with spaces', () => {
    const lines = exampleEvents.flatMap((event) => [
      JSON.stringify(event),
      JSON.stringify(Object.fromEntries(Object.entries(event).reverse())),
      JSON.stringify(event).replaceAll(',"', ', "').replace('"ts":', '"ts": '),
      `${JSON.stringify(event)}\r`,
    ]);
    const spaced = (i: number): boolean => i % 4 === 2 && lines[i]!.includes('scores');
    const taken = takenBy(
      openReader(),
      lines.map((line) => Buffer.from(line)),
    );
    expect(taken).toEqual(lines.map((_, i) => !spaced(i)));
  });

  test('takes nothing that the contract refuses', () => {
    const random = Random.of(5, 'spelled');
    const lines = Array.from({ length: 10_000 }, (_, id) => Buffer.from(spelledLine(random, id)));
    for (let i = 0; i < 5000; i++) lines.push(Buffer.from(fuzzedLine(random)));
    const taken = takenAlone(openReader(), lines);
    const wrong = lines.filter((line, i) => taken[i] && !isValid(line));
    expect(wrong.map(String)).toEqual([]);
    // It takes most of what is valid, or it would be of no use.
    const valid = lines.filter(isValid).length;
    expect(taken.filter((one) => one).length).toBeGreaterThan(0.6 * valid);
    expect(valid).toBeLessThan(0.9 * lines.length);
  });

  test('leaves lines alone that are longer than the limit or than its input', () => {
    const event = JSON.stringify(exampleEvents[1]);
    const lines = [event, event.slice(0, -1).concat(' '.repeat(600_000), '}'), event].map((line) =>
      Buffer.from(line),
    );
    expect(takenBy(openReader(), lines)).toEqual([true, false, true]);
    expect(takenBy(openReader(event.length), lines)).toEqual([true, false, true]);
    expect(takenBy(openReader(event.length - 1), lines)).toEqual([false, false, false]);
  });
});

describe('what is read fast and what is read the long way', () => {
  let logs: LogFixture;
  beforeAll(async () => {
    logs = await LogFixture.create();
  });
  afterAll(async () => {
    await logs.remove();
  });

  test('is the same: every column of every row, every reject', async () => {
    const random = Random.of(6, 'both ways');
    const lines = Array.from({ length: 6000 }, (_, id) => Buffer.from(spelledLine(random, id)));
    for (let i = 0; i < 2000; i++) lines.push(Buffer.from(fuzzedLine(random)));
    await logs.write('events/a.ndjson', joined(lines));
    const fast = await logs.ingest({}, 'fast');
    // White space in front of a line is JSON, and more than the reader takes.
    await logs.write(
      'events/a.ndjson',
      joined(lines.map((line) => Buffer.concat([Buffer.from(' '), line]))),
    );
    const slow = await logs.ingest({}, 'slow');
    expect(fast).toEqual(slow);
    expect(fast.stored).toBeGreaterThan(2000);
    const rejects = async (lake: string): Promise<unknown[]> =>
      (await logs.rejects(lake)).map(({ line, reason, user_key }) => [line, reason, user_key]);
    expect(await rejects('fast')).toEqual(await rejects('slow'));
    for (const type of Object.keys(fast.byType)) {
      const files = `type=${type}/*/*/*.parquet`;
      const [different] = await logs.query<{ n: number }>(
        `select count(*) as n from (
           (select * from read_parquet('$lake/${files}') except all
            select * from read_parquet('$lake/../slow/${files}'))
           union all
           (select * from read_parquet('$lake/../slow/${files}') except all
            select * from read_parquet('$lake/${files}')))`,
        'fast',
      );
      expect(different!.n, type).toBe(0);
    }
  });
});
