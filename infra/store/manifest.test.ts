import { join, relative, resolve } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isSafePath } from './manifest.ts';

it('lets no path through that leads out of its folder', () => {
  const name = fc.oneof(fc.constantFrom('', '.', '..', 'C:', '~', '\\', '..\\x'), fc.string());
  fc.assert(
    fc.property(fc.array(name, { maxLength: 5 }), (names) => {
      const path = names.join('/');
      if (!isSafePath(path)) return;
      const inside = relative('/cache/x', resolve(join('/cache/x', path)));
      expect(inside.startsWith('..') || inside === '').toBe(false);
      expect(inside).toBe(path);
    }),
    { seed: 1, numRuns: 2_000 },
  );
});

it.each(['a', 'a/b.parquet', 'date=2026-03-02/part-0', '..a', 'a..', 'ä/日本'])(
  'takes %s',
  (path) => {
    expect(isSafePath(path)).toBe(true);
  },
);
