import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { normalisedQini } from './qini.ts';
import { qiniBootstrap } from './qini-bootstrap.ts';

/** n decisions of users with 5 decisions each; the effect is 0.4 for half of the users, else 0. */
function experiment(n: number, seed: number) {
  const random = Random.of(seed, 'experiment');
  const user = Array.from({ length: n }, (_, i) => Math.floor(i / 5));
  const responds = user.map((u) => u % 2);
  const arm = user.map(() => (random.chance(0.5) ? 1 : 0));
  const outcome = user.map((_, i) => (random.chance(0.1 + 0.4 * arm[i]! * responds[i]!) ? 1 : 0));
  const noise = user.map(() => random.uniform());
  return { user, arm, outcome, responds, noise };
}

describe('Qini intervals', () => {
  it('hold the value, lie above 0 for the true effect and around 0 for a random score', () => {
    const { user, arm, outcome, responds, noise } = experiment(4000, 3);
    const scores = { truth: responds, random: noise };
    const found = qiniBootstrap({ arm, outcome }, scores, { user, seed: 1 });
    const { truth, random } = found.scores;
    expect(truth!.qini.value).toBe(normalisedQini({ score: responds, arm, outcome }));
    expect(truth!.qini.low).toBeGreaterThan(0);
    expect(random!.qini.low).toBeLessThan(0);
    expect(random!.qini.high).toBeGreaterThan(0);
    expect(found.differences['truth − random']!.low).toBeGreaterThan(0);
    expect(found.ate.low).toBeLessThan(0.2);
    expect(found.ate.high).toBeGreaterThan(0.2);
    expect(found.users).toBe(800);
  });

  it('are equal for equal seeds', () => {
    const { user, arm, outcome, responds } = experiment(500, 4);
    const once = () =>
      qiniBootstrap({ arm, outcome }, { responds }, { user, seed: 9, replicates: 20 });
    expect(once()).toEqual(once());
  });

  it('are wider when the rows of a user are copies of each other', () => {
    // 300 rows, and the same 300 rows ten times over: by row the copies look like ten times the evidence.
    const { arm, outcome, responds } = experiment(300, 5);
    const ten = <T>(column: T[]): T[] => column.flatMap((value) => Array<T>(10).fill(value));
    const rows = { arm: ten(arm), outcome: ten(outcome) };
    const score = { responds: ten(responds) };
    const width = (user?: number[]): number => {
      const { low, high } = qiniBootstrap(rows, score, { user, seed: 1 }).scores.responds!.qini;
      return high - low;
    };
    const byUser = width(ten(arm.map((_, i) => i)));
    expect(byUser / width()).toBeGreaterThan(2);
  });

  it('cover the true effect about as often as they say', () => {
    let covered = 0;
    for (let trial = 0; trial < 60; trial++) {
      const { user, arm, outcome, responds } = experiment(600, 100 + trial);
      const { ate } = qiniBootstrap(
        { arm, outcome },
        { responds },
        { user, seed: trial, replicates: 150 },
      );
      if (ate.low <= 0.2 && ate.high >= 0.2) covered += 1;
    }
    // 95 % of 60 is 57; the effect differs between users by design, which only widens.
    expect(covered).toBeGreaterThanOrEqual(52);
  });
});
