import { describe, expect, it } from 'vitest';
import { baseScore } from './base-score.ts';

describe("the ranker's score", () => {
  it.each([
    ['{"ctr":0.5,"cvr":0.1}', 0.5],
    ['{"cvr":0.25}', 0.25],
    ['{"cvr":0.25,"price":3}', Number.NaN],
    ['{"ctr":null}', Number.NaN],
    ['{}', Number.NaN],
    ['null', Number.NaN],
  ])('is ctr, or the only one there is: %s', (scores, score) => {
    expect(baseScore(scores)).toBe(score);
  });

  it.each(['', '{"ctr":', '{"ctr":"high"}', '{"ctr":[1]}', '{"ctr":""}'])(
    'is not guessed from what is none: %s',
    (scores) => {
      expect(() => baseScore(scores)).toThrow(expect.objectContaining({ code: 'bad-scores' }));
    },
  );
});
