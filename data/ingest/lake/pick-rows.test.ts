import { expect, it } from 'vitest';
import type { Texts } from '../../columns/text-index.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { pickRows, sliceRows } from './pick-rows.ts';

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

it('slices what picking the same rows gives, lists and texts among them', () => {
  const texts = { bytes: Buffer.from('oneTHREE'), starts: Int32Array.of(0, 3, 3, 8) };
  const listed: ColumnVector = { rows: 3, lists, levels, kind: 'texts', texts };
  const [slice, picked] = [sliceRows(listed, 1, 3), pickRows(listed, rows)];
  if (slice.kind !== 'texts' || picked.kind !== 'texts') throw new Error('another kind');
  const read = ({ bytes, starts }: Texts): string[] =>
    Array.from({ length: starts.length - 1 }, (_, i) =>
      Buffer.from(bytes.subarray(starts[i]!, starts[i + 1]!)).toString(),
    );
  expect(read(slice.texts)).toEqual(['THREE']);
  expect(read(picked.texts)).toEqual(['THREE']);
  const { texts: _slice, ...shape } = slice;
  const { texts: _picked, ...expected } = picked;
  expect(shape).toEqual(expected);
});
