import { expect, it } from 'vitest';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { pickRows } from './pick-rows.ts';

const lists = { starts: Int32Array.of(0, 2, 2, 3), nulls: Uint8Array.of(0, 1, 0) };
const levels = Uint8Array.of(3, 2, 3);
const rows = Int32Array.of(1, 2);

it('takes the lists of the rows with their elements, nulls and levels', () => {
  const numbers = Int32Array.of(7, -1, 9);
  const vector: ColumnVector = { rows: 3, lists, levels, kind: 'numbers', numbers };
  expect(pickRows(vector, rows)).toEqual({
    ...{ rows: 2, levels: Uint8Array.of(3), kind: 'numbers', numbers: Int32Array.of(9) },
    lists: { starts: Int32Array.of(0, 0, 1), nulls: Uint8Array.of(1, 0) },
  });
});

it('takes texts by row and leaves a dictionary as it is', () => {
  const texts = { bytes: Buffer.from('oneTHREE'), starts: Int32Array.of(0, 3, 3, 8) };
  const flat = { rows: 3, lists: undefined, levels: undefined };
  const picked = pickRows({ ...flat, kind: 'texts', texts }, rows);
  if (picked.kind !== 'texts') throw new Error('another kind');
  expect(picked.texts.starts).toEqual(Int32Array.of(0, 0, 5));
  expect(Buffer.from(picked.texts.bytes).toString()).toBe('THREE');
  const codes = Int32Array.of(0, 2, 1);
  const coded = pickRows({ ...flat, kind: 'coded-texts', codes, dictionary: texts }, rows);
  expect(coded).toMatchObject({ codes: Int32Array.of(2, 1), dictionary: texts });
});
