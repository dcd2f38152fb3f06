import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EXAMPLE_EVENTS } from '../../contracts/example-events.ts';
import { LogFixture } from '../ingest-fixture.ts';
import { type ColumnData, ParquetFile, type SchemaNode } from './parquet-file.ts';

let logs: LogFixture;
beforeEach(async () => {
  logs = await LogFixture.create();
  await logs.write('events/.keep', '');
});
afterEach(async () => {
  await logs.remove();
});

const optional = (name: string, type: NonNullable<SchemaNode['type']>): SchemaNode => ({
  ...{ name, type, repetition: 'optional' },
});

/** One value, or null. */
function cell(type: SchemaNode['type'], value: string | number | null): ColumnData {
  const data = Buffer.alloc(typeof value === 'string' ? 4 + value.length : 8);
  if (typeof value === 'string') {
    data.writeInt32LE(value.length);
    data.write(value, 4);
  } else if (type === 'int64') data.writeBigInt64LE(BigInt(value ?? 0));
  else if (type === 'int32') data.writeInt32LE(value ?? 0);
  else data.writeDoubleLE(value ?? 0);
  const length = value === null ? 0 : type === 'int32' ? 4 : data.length;
  const definitions = Uint8Array.of(Number(value !== null));
  return { levels: 1, definitions, repetitions: undefined, data: data.subarray(0, length) };
}

const { event_id, type, user_id, ts, item_id, started } = EXAMPLE_EVENTS.exposure;
const texts = { event_id, type, user_id, request_id: 'r-1', item_id };
const wide = { schema_version: 1, ts, started };

/** One exposure in a file that has another column. */
function writeFile(node: SchemaNode, data: readonly ColumnData[]): void {
  const file = new ParquetFile(join(logs.logsDir, 'events/a.parquet'), [
    ...Object.keys(texts).map((name) => optional(name, 'text')),
    ...Object.keys(wide).map((name) => optional(name, 'int64')),
    node,
  ]);
  file.append(1, [
    ...Object.values(texts).map((value) => cell('text', value)),
    ...Object.values(wide).map((value) => cell('int64', value)),
    ...data,
  ]);
  file.close();
}

it('does not take a struct that is always there for null because its first member is', async () => {
  const members = [optional('count', 'int32'), optional('mean', 'double')];
  const node = { name: 'score_summary', repetition: 'required', children: members } as const;
  writeFile(node, [cell('int32', null), cell('double', 2.5)]);
  await expect(logs.ingest()).resolves.toMatchObject({
    ...{ stored: 0, rejected: 1, rejectsByReason: { 'unknown-field': 1 } },
  });
});

it('does not take a row with two columns of one name', async () => {
  writeFile(optional('ts', 'int64'), [cell('int64', ts + 1)]);
  await expect(logs.ingest()).resolves.toMatchObject({
    ...{ stored: 0, rejected: 1, rejectsByReason: { 'unknown-field': 1 } },
  });
});
