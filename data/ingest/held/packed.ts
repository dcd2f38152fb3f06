/** Arrays in memory that threads share, whole numbers in as few bytes as their range needs. */

/** Value i is `base + values[i]`. Plain data. */
export interface Packed<T extends Int32Array | Float64Array = Int32Array | Float64Array> {
  base: number;
  values: Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;
  kind: T extends Int32Array ? 'ints' : 'doubles';
}

const WIDTHS = [
  { most: 0xff, type: Uint8Array },
  { most: 0xffff, type: Uint16Array },
  { most: 0xffff_ffff, type: Uint32Array },
] as const;

/** Bytes in memory that threads share. */
export function sharedBytes(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** Least value and range; a range of NaN for numbers that are not all whole, −0 and NaN among them. */
function rangeOf(values: Int32Array | Float64Array): { least: number; range: number } {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (values instanceof Float64Array) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      const fromLeast = value - least;
      if (fromLeast >>> 0 !== fromLeast || !Object.is(least + fromLeast, value)) {
        return { least, range: Number.NaN };
      }
    }
  }
  return { least, range: most - least };
}

export function pack<T extends Int32Array | Float64Array>(values: T): Packed<T> {
  const kind = (values instanceof Int32Array ? 'ints' : 'doubles') as Packed<T>['kind'];
  const { least, range } = values.length > 0 ? rangeOf(values) : { least: 0, range: 0 };
  const width = WIDTHS.find(({ most }) => range <= most);
  if (!width || width.type.BYTES_PER_ELEMENT >= values.BYTES_PER_ELEMENT) {
    const memory = new SharedArrayBuffer(values.byteLength);
    const copy = values instanceof Int32Array ? new Int32Array(memory) : new Float64Array(memory);
    copy.set(values);
    return { base: 0, values: copy, kind };
  }
  const packed = new width.type(
    // The types of TypeScript's library leave out that such memory is let in.
    new SharedArrayBuffer(values.length * width.type.BYTES_PER_ELEMENT) as unknown as ArrayBuffer,
  );
  for (let i = 0; i < packed.length; i++) packed[i] = values[i]! - least;
  return { base: least, values: packed, kind };
}

/** Values `from … to − 1`, in memory of their own. */
export function unpack<T extends Int32Array | Float64Array>(
  { base, values, kind }: Packed<T>,
  from: number,
  to: number,
): T {
  const out = kind === 'ints' ? new Int32Array(to - from) : new Float64Array(to - from);
  if (base === 0) out.set(values.subarray(from, to));
  else for (let i = 0; i < out.length; i++) out[i] = base + values[from + i]!;
  return out as T;
}

/** Value i. */
export const packedAt = ({ base, values }: Packed, i: number): number =>
  base === 0 ? values[i]! : base + values[i]!;
