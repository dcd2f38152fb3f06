/** What a column chunk says about its values: only what is exact. */
import type { Leaf } from './schema.ts';
import type { Struct } from './thrift.ts';

export interface Statistics {
  /** As the writer counts them; for lists, writers differ in what they count. */
  nulls: number | undefined;
  /** A number, or the bytes of a text; undefined when it is not told, not exact or beyond 2^53. */
  min: number | Uint8Array | undefined;
  max: number | Uint8Array | undefined;
}

export function statisticsOf(struct: Struct | undefined, leaf: Leaf): Statistics {
  if (!struct) return { nulls: undefined, min: undefined, max: undefined };
  // The older pair is ordered as signed numbers are; texts were compared wrongly.
  const signed = !isUnsigned(leaf) && leaf.physical !== 'bytes';
  const bound = (field: number, older: number, exact: number) => {
    const bytes = struct.bytes(field) ?? (signed ? struct.bytes(older) : undefined);
    return bytes && boundOf(bytes, leaf, struct.flag(exact) === true);
  };
  return { nulls: struct.int(3), min: bound(6, 2, 8), max: bound(5, 1, 7) };
}

export const isUnsigned = ({ logical }: Leaf): boolean =>
  logical?.kind === 'int' && !logical.signed;

function boundOf(bytes: Uint8Array, leaf: Leaf, exact: boolean): number | Uint8Array | undefined {
  if (leaf.physical === 'bytes') return exact ? bytes.slice() : undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = numberOf(view, leaf);
  return value === undefined || Number.isNaN(value) ? undefined : value;
}

function numberOf(view: DataView, leaf: Leaf): number | undefined {
  const size = view.byteLength;
  const unsigned = isUnsigned(leaf);
  switch (leaf.physical) {
    case 'boolean':
      return size === 1 ? view.getUint8(0) : undefined;
    case 'int32':
      if (size !== 4) return undefined;
      return unsigned ? view.getUint32(0, true) : view.getInt32(0, true);
    case 'int64': {
      if (size !== 8) return undefined;
      const value = Number(unsigned ? view.getBigUint64(0, true) : view.getBigInt64(0, true));
      return Number.isSafeInteger(value) ? value : undefined;
    }
    case 'float':
      return size === 4 ? view.getFloat32(0, true) : undefined;
    case 'double':
      return size === 8 ? view.getFloat64(0, true) : undefined;
    default:
      return undefined;
  }
}
