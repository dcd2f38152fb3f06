import { describe, expect, it } from 'vitest';
import { Random } from '../lib/random.ts';
import { SlateTables } from './slate-tables.ts';
import { SlateValuer } from './slate-value.ts';
import { midPage, params } from './test-slates.ts';

const KINDS = ['clicks', 'orders'] as const;

describe('SlateTables', () => {
  const random = Random.of(4);
  const slates = [
    ...midPage(params, 20, 3),
    ...midPage(params, 6, 3),
    // The first page of a session has nothing above it.
    ...midPage(params, 16, 2, 0),
  ].map((session) => new SlateValuer(session, 12));

  it('gives each order the value that the world gives it', () => {
    expect(slates).toHaveLength(8);
    for (const valuer of slates) {
      const tables = new SlateTables(valuer);
      for (let trial = 0; trial < 10; trial++) {
        const order = random.shuffle(Array.from({ length: tables.items }, (_, k) => k));
        const expected = valuer.value(order);
        for (const kind of KINDS)
          expect(Math.abs(tables.value(order, kind, 0) / expected[kind] - 1)).toBeLessThan(1e-12);
      }
    }
  });

  it('gives an order that shares its first places with another the same value', () => {
    for (const valuer of slates) {
      const tables = new SlateTables(valuer);
      const order = Array.from({ length: tables.items }, (_, k) => k);
      for (const kind of KINDS) {
        tables.begin(order, kind);
        for (let shared = 0; shared <= tables.places; shared++) {
          const tried = [...order.slice(0, shared), ...random.shuffle(order.slice(shared))];
          const value = tables.value(tried, kind, shared);
          expect(value).toBe(new SlateTables(valuer).value(tried, kind, 0));
        }
      }
    }
  });
});
