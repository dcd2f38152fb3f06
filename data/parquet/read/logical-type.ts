/** What values mean, from either of Parquet's two ways to say it. */
import type { Struct } from './thrift.ts';

export type TimeUnit = 'ms' | 'us' | 'ns';

export type LogicalType =
  | { kind: 'text' | 'json' | 'enum' | 'bson' | 'date' | 'uuid' | 'float16' | 'interval' | 'other' }
  | { kind: 'time' | 'timestamp'; unit: TimeUnit; utc: boolean }
  | { kind: 'decimal'; scale: number; precision: number }
  | { kind: 'int'; bits: number; signed: boolean };

const int = (bits: number, signed: boolean): LogicalType => ({ kind: 'int', bits, signed });

/** By number of the converted type; without lists, maps and decimals. */
const CONVERTED: Readonly<Record<number, LogicalType>> = {
  0: { kind: 'text' },
  4: { kind: 'enum' },
  6: { kind: 'date' },
  7: { kind: 'time', unit: 'ms', utc: true },
  8: { kind: 'time', unit: 'us', utc: true },
  9: { kind: 'timestamp', unit: 'ms', utc: true },
  10: { kind: 'timestamp', unit: 'us', utc: true },
  11: int(8, false),
  12: int(16, false),
  13: int(32, false),
  14: int(64, false),
  15: int(8, true),
  16: int(16, true),
  17: int(32, true),
  18: int(64, true),
  19: { kind: 'json' },
  20: { kind: 'bson' },
  21: { kind: 'interval' },
};

/** Members of the union LogicalType that have nothing to say but their name. */
const PLAIN: Readonly<Record<number, LogicalType>> = {
  1: { kind: 'text' },
  4: { kind: 'enum' },
  6: { kind: 'date' },
  12: { kind: 'json' },
  13: { kind: 'bson' },
  14: { kind: 'uuid' },
  15: { kind: 'float16' },
};

/** @param node a SchemaElement that is a leaf */
export function logicalType(node: Struct): LogicalType | undefined {
  const union = node.struct(10);
  if (union) return fromUnion(union);
  const converted = node.int(6);
  if (converted === undefined) return undefined;
  if (converted === 5) {
    return { kind: 'decimal', scale: node.int(7) ?? 0, precision: node.int(8) ?? 0 };
  }
  return CONVERTED[converted] ?? { kind: 'other' };
}

function fromUnion(union: Struct): LogicalType {
  for (const [field, type] of Object.entries(PLAIN)) if (union.has(Number(field))) return type;
  const decimal = union.struct(5);
  if (decimal) {
    return { kind: 'decimal', scale: decimal.int(1) ?? 0, precision: decimal.int(2) ?? 0 };
  }
  const integer = union.struct(10);
  if (integer) return int(integer.int(1) ?? 64, integer.flag(2) ?? true);
  for (const [field, kind] of [
    [7, 'time'],
    [8, 'timestamp'],
  ] as const) {
    const time = union.struct(field);
    const unit = time?.struct(2);
    if (time) {
      const name = unit?.has(1) ? 'ms' : unit?.has(2) ? 'us' : 'ns';
      return { kind, unit: name, utc: time.flag(1) ?? false };
    }
  }
  return { kind: 'other' };
}
