import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import type { Expression, FeatureSpec } from '../../device/features/spec.ts';
import type { Declaration, declaration } from './feature-declaration.ts';
import { expression, type featureSpec } from './feature-spec.ts';

describe('the schema of features.json', () => {
  it('has the types that devices interpret', () => {
    expectTypeOf<z.infer<typeof featureSpec>>().toEqualTypeOf<FeatureSpec>();
    expectTypeOf<z.infer<typeof expression>>().toEqualTypeOf<Expression>();
    expectTypeOf<z.infer<typeof declaration>>().toEqualTypeOf<Declaration>();
  });

  it('refuses an operator or a field that it does not know', () => {
    const source = { op: 'source', name: 'moment.hour' };
    expect(expression.safeParse({ op: 'bucketise', of: source, boundaries: [1] }).success).toBe(
      true,
    );
    expect(expression.safeParse({ op: 'bucketize', of: source, boundaries: [1] }).success).toBe(
      false,
    );
    expect(
      expression.safeParse({ op: 'bucketise', of: source, boundaries: [1], missing: 0 }).success,
    ).toBe(false);
  });
});
