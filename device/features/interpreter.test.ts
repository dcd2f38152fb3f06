import { describe, expect, it } from 'vitest';
import type { RawValues } from './columns.ts';
import { FeatureInterpreter, multiHot } from './interpreter.ts';
import type { Expression, Source } from './spec.ts';

const number = (axis: Source['axis']): Source => ({ type: 'number', axis, what: '' });
const text = (axis: Source['axis']): Source => ({ type: 'text', axis, what: '' });
const source = (name: string): Expression => ({ op: 'source', name });
const ended = source('exposure.ended');
const score = source('candidate.score');
const hour: Expression = { op: 'bucketise', of: source('moment.hour'), boundaries: [6, 12] };
const reason: Expression = {
  op: 'one_hot',
  of: source('exposure.reason'),
  values: ['dull', 'rude'],
};
const standardised = (of: Expression): Expression => ({
  ...{ op: 'standardise', of, mean: 0, std: 1, missing: -9 },
});

/** A spec with one feature of every group, and the given ones as declared. */
function spec(declared: Record<string, Expression> = {}) {
  return {
    version: 2,
    tables: { category: ['food', 'toys'] },
    sources: {
      'moment.now': number(null),
      'moment.hour': number(null),
      'moment.clicks': number(null),
      'moment.seen': number(null),
      'candidate.score': number('candidate'),
      'candidate.position': number('candidate'),
      'exposure.known': number('exposure'),
      'exposure.ended': number('exposure'),
      'exposure.position': number('exposure'),
      'exposure.count': number('exposure'),
      'exposure.reason': text('exposure'),
      'exposure.category': { type: 'id', axis: 'exposure', what: '' },
      'page_view.known': number('page_view'),
      'page_view.ended': number('page_view'),
    } as Record<string, Source>,
    actions: {
      exposure: [
        {
          ...{ name: 'count', offset: 0, size: 3 },
          expression: { op: 'bucketise', of: source('exposure.count'), boundaries: [2] },
        },
        { name: 'reason', offset: 3, size: 4, expression: reason },
      ],
      page_view: [],
    },
    decay: {
      exposure: { expression: { op: 'decay', ended, boundaries: [1000, 5000] }, size: 4 },
      page_view: {
        expression: { op: 'decay', ended: source('page_view.ended'), boundaries: [] },
        size: 2,
      },
    },
    dense: [
      { name: 'score', expression: standardised(score) },
      { name: 'known', expression: { op: 'known', of: score } },
    ],
    context: [{ name: 'hour', offset: 0, size: 4, expression: hour }],
    decisionContext: [{ name: 'hour', offset: 0, size: 4, expression: hour }],
    declared: Object.entries(declared).map(([name, expression]) => ({
      ...{ name, expression },
      samples: ['rerank'],
    })),
  };
}

const raw: RawValues = {
  'moment.now': 10_000,
  'moment.hour': 12,
  'moment.clicks': 3,
  'moment.seen': 5,
  'candidate.score': [0.5, null],
  'candidate.position': [4, 9],
  'exposure.known': [1, 0, 1],
  'exposure.ended': [9_001, 9_000, null],
  'exposure.position': [1, 2, null],
  'exposure.count': [1, 2, 2],
  'exposure.reason': ['rude', null, 'loud'],
  'exposure.category': ['toys', 'food', 'cars'],
};
const result = (expression: Expression, over: RawValues = {}) =>
  FeatureInterpreter.open(spec({ it: expression })).declared('it', { ...raw, ...over });

describe('inputs of the models', () => {
  const features = FeatureInterpreter.open(spec());

  it('places actions in the multi-hot vector, and nothing for a behaviour that is not known', () => {
    const actions = features.actions('exposure', raw);
    expect([...actions]).toEqual([0, 4, -1, -1, 1, 5]);
    expect([...multiHot(actions, 2, 7)]).toEqual([
      ...[1, 0, 0, 0, 1, 0, 0],
      ...[0, 0, 0, 0, 0, 0, 0],
      ...[0, 1, 0, 0, 0, 1, 0],
    ]);
  });

  it('measures decay at the moment of attention: a boundary belongs above it', () => {
    expect([...features.decay('exposure', raw)]).toEqual([0, 1, 3]);
    const later = { ...raw, 'moment.now': 14_001 };
    expect([...features.decay('exposure', later)]).toEqual([2, 2, 3]);
    expect([...features.decay('exposure', { ...raw, 'moment.now': 0 })]).toEqual([0, 0, 3]);
  });

  it('puts dense numbers side by side per candidate', () => {
    expect(features.dense(raw)).toEqual(Float32Array.of(0.5, 1, -9, 0));
    expect(features.dense({ 'candidate.score': [] })).toEqual(new Float32Array(0));
  });

  it('describes the moment', () => {
    expect([...features.context(raw)]).toEqual([2]);
    expect([...features.decisionContext({ 'moment.hour': null })]).toEqual([3]);
  });
});

describe('operators', () => {
  it('take what is not finite for null, and −0 for 0', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, null]) {
      expect([...result(standardised(score), { 'candidate.score': [value] }).values]).toEqual([-9]);
    }
    expect([...result(standardised(score), { 'candidate.score': [-0] }).values]).toEqual([0]);
    const apart: Expression = { op: 'difference', of: score, minus: score };
    const huge = { 'candidate.score': [1e308, -1e308] };
    expect([...result(standardised(apart), huge).values]).toEqual([0, 0]);
    // −1e308 − (+1e308) per pair of candidate and position overflows.
    const far: Expression = { op: 'difference', of: score, minus: source('candidate.position') };
    const opposite = { 'candidate.score': [-1.7e308], 'candidate.position': [1.7e308] };
    expect([...result(standardised(far), opposite).values]).toEqual([-9]);
  });

  it('cut numbers at the largest float32', () => {
    const found = result(standardised(score), { 'candidate.score': [1e300, -1e300] });
    expect([...found.values]).toEqual([3.4028234663852886e38, -3.4028234663852886e38]);
  });

  it('divide with smoothing; a zero divisor gives null', () => {
    const ratio = (smoothing: number): Expression =>
      standardised({
        ...{ op: 'ratio', of: source('moment.clicks'), by: source('moment.seen'), smoothing },
      });
    expect([...result(ratio(1)).values]).toEqual([0.5]);
    expect([...result(ratio(-5)).values]).toEqual([-9]);
    expect([...result(ratio(1), { 'moment.seen': null }).values]).toEqual([-9]);
  });

  it('combine every candidate with every behaviour', () => {
    const position: Expression = {
      ...{ op: 'difference', of: source('candidate.position') },
      minus: source('exposure.position'),
    };
    const found = result(standardised(position));
    expect(found.lengths).toEqual([2, 3]);
    expect([...found.values]).toEqual([3, 2, -9, 8, 7, -9]);
    const bucket: Expression = { op: 'bucketise', of: position, boundaries: [3] };
    const category: Expression = { op: 'id', of: source('exposure.category'), table: 'category' };
    // Sizes 3 and 3: bucket · 3 + category, with categories 2, 1, 0.
    const crossed = result({ op: 'cross', left: bucket, right: category });
    expect([...crossed.values]).toEqual([5, 1, 6, 5, 4, 6]);
  });

  it('give unseen texts a bucket by their hash, and null one of its own', () => {
    const hash: Expression = {
      ...{ op: 'hash', of: source('exposure.reason'), values: ['rude'], buckets: 10 },
    };
    const over = { 'exposure.reason': ['rude', 'foobar', null] };
    // 0xbf9cf968 mod 10 = 0.
    expect([...result(hash, over).values]).toEqual([0, 1 + (0xbf9cf968 % 10), 11]);
  });

  it('compare with the mean of the known candidates', () => {
    const found = result(standardised({ op: 'relative', of: score }), {
      'candidate.score': [1, null, 4, 1],
      'candidate.position': [0, 0, 0, 0],
    });
    expect([...found.values]).toEqual([-1, -9, 2, -1]);
  });

  it('take logarithms of what is above 0 or clipped into (0, 1)', () => {
    const log = standardised({ op: 'log1p', of: score });
    expect([...result(log, { 'candidate.score': [-3, 0, Math.E - 1] }).values]).toEqual([0, 0, 1]);
    const logit = standardised({ op: 'logit', of: score });
    const [half, low, high] = result(logit, { 'candidate.score': [0.5, 0, 7] }).values;
    expect(half).toBe(0);
    expect(low).toBeCloseTo(Math.log(1e-6), 5);
    expect(high).toBe(-low!);
    const clip = standardised({ op: 'clip', of: score, low: -1, high: 2 });
    expect([...result(clip, { 'candidate.score': [-3, 0, 9] }).values]).toEqual([-1, 0, 2]);
  });
});

describe('what is refused', () => {
  const open = (json: unknown) => () => FeatureInterpreter.open(json);

  it('another version, an unknown operator, an unknown field', () => {
    expect(open({ ...spec(), version: 1 })).toThrow('Version 1; this runtime reads version 2');
    const it = (expression: object) => open(spec({ it: expression as Expression }));
    expect(it({ op: 'embed', of: score })).toThrow(
      'Unknown operator "embed" (declared[0].expression)',
    );
    expect(it({ op: 'known', of: score, scale: 2 })).toThrow('known has no field scale');
    expect(it({ op: 'bucketise', of: score, boundaries: [2, 1] })).toThrow('strictly ascending');
    expect(it({ op: 'constructor' })).toThrow('Unknown operator');
  });

  it('operands of another kind, along other axes, or more values than int32 has', () => {
    const it = (expression: Expression) => open(spec({ it: expression }));
    expect(it(standardised(source('exposure.reason')))).toThrow('takes number');
    expect(it(standardised({ op: 'relative', of: ended }))).toThrow('one number per candidate');
    const both: Expression = { op: 'difference', of: ended, minus: source('page_view.ended') };
    expect(it(standardised(both))).toThrow('exposure and page_view cannot be combined');
    const wide: Expression = {
      op: 'hash',
      of: source('exposure.reason'),
      values: [],
      buckets: 2 ** 20,
    };
    expect(it({ op: 'cross', left: wide, right: wide })).toThrow('more than an int32 can count');
    expect(it(score)).toThrow('It may be null');
  });

  it('a size or an offset that does not belong to the expression', () => {
    const wrong = (change: object) => {
      const given = spec();
      return open({ ...given, context: [{ ...given.context[0], ...change }] });
    };
    expect(wrong({ size: 5 })).toThrow('Not 4, the size of the expression (context[0].size)');
    expect(wrong({ offset: 1 })).toThrow('Not 0');
  });

  it('raw values that are missing, of another type, or of other lengths', () => {
    const features = FeatureInterpreter.open(spec());
    expect(() => features.context({})).toThrow('No value was given (moment.hour)');
    expect(() => features.context({ 'moment.hour': '12' })).toThrow('Not a number: string');
    expect(() => features.dense({ 'candidate.score': 1 })).toThrow('Not a list');
    expect(() => features.actions('exposure', { ...raw, 'exposure.count': [1] })).toThrow(
      '1 values where exposure.known has 3',
    );
  });
});
