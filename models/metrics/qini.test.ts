import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import {
  adaRequestQini,
  averageTreatmentEffect,
  mseTransformedOutcome,
  normalisedQini,
  perfectScore,
  planQini,
  propensityWeights,
  qiniCurve,
  qiniOfPlan,
  type UpliftRows,
  upliftByQuantile,
} from './qini.ts';

// Eight rows, best score first.
//   row      1    2    3    4    5    6    7    8
//   treated  1    0    1    0    1    0    1    0
//   outcome  1    0    1    1    0    1    0    0
//   Y_t      1    1    2    2    2    2    2    2
//   N_t      1    1    2    2    3    3    4    4
//   Y_c      0    0    0    1    1    2    2    2
//   N_c      0    1    1    2    2    3    3    4
//   y = Y_t − Y_c·N_t/N_c
//            1    1    2    1   .5    0  −2/3   0
const eight: UpliftRows = {
  score: [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2],
  outcome: [1, 0, 1, 1, 0, 1, 0, 0],
  arm: [1, 0, 1, 0, 1, 0, 1, 0],
};

/** The stream of the golden figures: x ← (1103515245 x + 12345) mod 2^31 from 7, over 2^31. */
function goldenRows(): UpliftRows {
  const n = 500;
  let x = 7n;
  const u = Array.from({ length: 3 * n }, () => {
    x = (1103515245n * x + 12345n) % 2147483648n;
    return Number(x) / 2147483648;
  });
  const score = u.slice(0, n).map((v) => Math.round(v * 100) / 100);
  const arm = u.slice(n, 2 * n).map((v) => (v < 0.6 ? 1 : 0));
  const outcome = u.slice(2 * n).map((v, i) => (v < 0.2 + 0.3 * score[i]! * arm[i]! ? 1 : 0));
  return { score, arm, outcome };
}

const arbitraryRows = fc
  .array(
    fc.record({
      score: fc.integer({ min: -5, max: 5 }),
      outcome: fc.integer({ min: 0, max: 1 }),
      arm: fc.integer({ min: 0, max: 1 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((rows) => [
    ...rows,
    { score: 1, outcome: 1, arm: 1 },
    { score: -1, outcome: 1, arm: 0 },
    { score: 0, outcome: 0, arm: 1 },
  ])
  .map((rows) => ({
    score: rows.map((r) => r.score),
    outcome: rows.map((r) => r.outcome),
    arm: rows.map((r) => r.arm),
  }));

describe('normalised Qini', () => {
  it('gives the curve worked by hand', () => {
    const { x, y } = qiniCurve(eight);
    expect([...x]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...y].map((v) => Number(v.toFixed(6)))).toEqual([0, 1, 1, 2, 1, 0.5, 0, -0.666667, 0]);
  });

  it('divides the area by that of the perfect order', () => {
    // The end point is 0, so the chord's area is 0; the curve's is 1+1+2+1+.5+0−2/3 = 29/6.
    // Perfect: (0,0) (2,2) (6,2) (8,0), area 2 + 8 + 2 = 12.
    expect(normalisedQini(eight)).toBeCloseTo(29 / 6 / 12, 12);
  });

  it('treats rows of equal score as one step', () => {
    const rows = { ...eight, score: [0.9, 0.9, 0.7, 0.7, 0.5, 0.4, 0.3, 0.3] };
    const { x, y } = qiniCurve(rows);
    expect([...x]).toEqual([0, 2, 4, 5, 6, 8]);
    expect([...y]).toEqual([0, 1, 1, 0.5, 0, 0]);
    expect(normalisedQini(rows)).toBeCloseTo(1 / 3, 12);
  });

  it('agrees with scikit-uplift 0.5.1', () => {
    // qini_auc_score(y, ±s, t), qini_curve(y, s, t) and numpy's trapezoid on the same 500 rows.
    const rows = goldenRows();
    expect(normalisedQini(rows)).toBeCloseTo(0.18625734478857828, 12);
    expect(normalisedQini({ ...rows, score: Array.from(rows.score, (s) => -s) })).toBeCloseTo(
      -0.17578144565305967,
      12,
    );
    const { x, y } = qiniCurve(rows);
    expect(x.length).toBe(100);
    expect(x[10]).toBe(46);
    expect(y[10]).toBeCloseTo(10.444444444444445, 10);
    expect(y.at(-1)).toBeCloseTo(51.29032258064516, 10);
    let area = 0;
    for (let i = 1; i < x.length; i++) area += ((x[i]! - x[i - 1]!) * (y[i]! + y[i - 1]!)) / 2;
    expect(area).toBeCloseTo(19161.60904298276, 6);
  });

  it('is 1 for the perfect score, and is changed by no increasing function of the score', () => {
    fc.assert(
      fc.property(arbitraryRows, (rows) => {
        const perfect = normalisedQini({ ...rows, score: perfectScore(rows) });
        expect(perfect).toBeCloseTo(1, 9);
        const bent = { ...rows, score: rows.score.map((s) => Math.exp(s) + 3) };
        expect(normalisedQini(bent)).toBeCloseTo(normalisedQini(rows), 9);
      }),
    );
  });

  it('is 0 when every row has one score', () => {
    expect(normalisedQini({ ...eight, score: eight.outcome.length ? Array(8).fill(1) : [] })).toBe(
      0,
    );
  });

  it('is NaN when nothing was bought', () => {
    expect(normalisedQini({ ...eight, outcome: Array(8).fill(0) })).toBeNaN();
  });

  it('counts a row k times as if it stood there k times', () => {
    fc.assert(
      fc.property(arbitraryRows, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (rows, ks) => {
        const times = rows.score.map(() => ks.next().value as number);
        for (let i = times.length - 3; i < times.length; i++) times[i]! += 1;
        const repeat = (column: number[]): number[] =>
          column.flatMap((value, i) => Array<number>(times[i]!).fill(value));
        const repeated = {
          score: repeat(rows.score),
          outcome: repeat(rows.outcome),
          arm: repeat(rows.arm),
        };
        expect(qiniOfPlan(planQini(rows), times)).toBeCloseTo(normalisedQini(repeated), 9);
      }),
    );
  });
});

describe('AdaRequest Qini', () => {
  it('gives the area and the height at one half worked by hand', () => {
    // Y_t/4 − Y_c/4 after rows 1…8: .25 .25 .5 .25 .25 0 0 0. The end is 0, so is the diagonal;
    // area = (.25+.25+.5+.25+.25+0+0)/8 = 1.5/8; half of the rows is row 4.
    const found = adaRequestQini(eight);
    expect(found.area).toBeCloseTo(1.5 / 8, 12);
    expect(found.at50).toBeCloseTo(0.25, 12);
    expect(found.ate).toBeCloseTo(0, 12);
  });

  it('goes straight between distinct scores', () => {
    // One score for all: the curve is the diagonal, whose end is 3/4 − 1/4.
    const rows = { ...eight, score: Array(8).fill(1), outcome: [1, 0, 1, 1, 1, 0, 0, 0] };
    const found = adaRequestQini(rows);
    expect(found.area).toBeCloseTo(0, 12);
    expect(found.at50).toBeCloseTo(0.25, 12);
    expect(found.ate).toBeCloseTo(0.5, 12);
  });
});

describe('propensities', () => {
  it('change nothing while they are constant', () => {
    const weighted = { ...eight, propensity: Array(8).fill(0.3) };
    expect(normalisedQini(weighted)).toBe(normalisedQini(eight));
    expect(adaRequestQini(weighted)).toEqual(adaRequestQini(eight));
  });

  it('weigh a row by the inverse of the chance of its arm', () => {
    // p̄ = (.2 + .8)/2 = .5: treated at .2 weighs 2.5, treated at .8 weighs .625; control mirrored.
    const rows: UpliftRows = {
      score: [4, 3, 2, 1],
      outcome: [1, 0, 0, 1],
      arm: [1, 1, 0, 0],
      propensity: [0.2, 0.8, 0.2, 0.8],
    };
    expect([...propensityWeights(rows)].map((w) => Number(w.toFixed(6)))).toEqual([
      2.5, 0.625, 0.625, 2.5,
    ]);
    // 2.5/3.125 − 2.5/3.125
    expect(averageTreatmentEffect(rows)).toBeCloseTo(0, 12);
  });

  it('remove the bias of an experiment that treats the likely buyers more often', () => {
    // The request does nothing; buyers (rate .5) are treated 80 %, others (rate .1) 20 % of the time.
    const random = Random.of(11, 'propensity');
    const n = 20_000;
    const keen = Array.from({ length: n }, () => random.chance(0.5));
    const propensity = keen.map((k) => (k ? 0.8 : 0.2));
    const arm = propensity.map((p) => (random.chance(p) ? 1 : 0));
    const outcome = keen.map((k) => (random.chance(k ? 0.5 : 0.1) ? 1 : 0));
    const rows = { score: keen.map(Number), outcome, arm };
    expect(averageTreatmentEffect(rows)).toBeGreaterThan(0.2);
    expect(Math.abs(averageTreatmentEffect({ ...rows, propensity }))).toBeLessThan(0.02);
  });
});

describe('uplift by decile and transformed outcome', () => {
  it('splits the rows into equal bins, best first', () => {
    const bins = upliftByQuantile(eight, 2);
    // Rows 1–4: treated 2/2 bought, control 1/2; rows 5–8: treated 0/2, control 1/2.
    expect(bins.map((b) => [b.rows, b.treated, b.treatedRate, b.controlRate, b.uplift])).toEqual([
      [4, 2, 1, 0.5, 0.5],
      [4, 2, 0, 0.5, -0.5],
    ]);
    expect(bins[0]!.meanScore).toBeCloseTo(0.75, 12);
  });

  it('gives the mean squared error to the transformed outcome', () => {
    // p = ½: Y* is 2 for a treated buyer, −2 for a control buyer, else 0; two of each here.
    expect(mseTransformedOutcome(eight, Array(8).fill(0))).toBeCloseTo(16 / 8, 12);
    expect(mseTransformedOutcome(eight, [2, 0, 2, -2, 0, -2, 0, 0])).toBe(0);
  });
});

describe('refusals', () => {
  it.each([
    ['no rows', { score: [], outcome: [], arm: [] }],
    ['one arm', { score: [1, 2], outcome: [0, 1], arm: [1, 1] }],
    ['a score that is not a number', { score: [1, NaN], outcome: [0, 1], arm: [0, 1] }],
    ['an outcome above 1', { score: [1, 2], outcome: [0, 2], arm: [0, 1] }],
    ['columns of unequal length', { score: [1, 2], outcome: [0], arm: [0, 1] }],
    ['a certain arm', { score: [1, 2], outcome: [0, 1], arm: [0, 1], propensity: [0.5, 1] }],
  ])('refuses %s', (_, rows) => {
    expect(() => normalisedQini(rows)).toThrow(/row|arm|finite|propensity|outcome/);
  });
});
