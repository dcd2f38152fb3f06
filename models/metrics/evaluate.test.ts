import { describe, expect, it } from 'vitest';
import { EdgeloomError } from '../../lib/errors.ts';
import { Random } from '../../lib/random.ts';
import { evaluateByGroup, evaluatePredictions } from './evaluate.ts';

/** Clicks drawn from known probabilities; one scorer knows them, one adds noise, one is blind. */
function world(lists: number) {
  const random = Random.of(11);
  const rows = {
    list: [] as number[],
    user: [] as number[],
    label: [] as number[],
    scene: [] as number[],
  };
  const truth: number[] = [];
  const noisy: number[] = [];
  for (let list = 0; list < lists; list++) {
    for (let i = 0; i < 10; i++) {
      const logit = random.normal(-1, 1.5);
      rows.list.push(list);
      rows.user.push(list % 300);
      rows.scene.push(list % 3);
      rows.label.push(random.chance(1 / (1 + Math.exp(-logit))) ? 1 : 0);
      truth.push(logit);
      noisy.push(logit + random.normal(0, 1));
    }
  }
  return { rows, truth, noisy };
}

const { rows, truth, noisy } = world(900);
const blind = rows.label.map(() => 0.3);
const scorers = {
  truth: { kind: 'logit', scores: truth },
  noisy: { kind: 'logit', scores: noisy },
  blind: { kind: 'score', scores: blind },
} as const;
const options = { seed: 2, replicates: 200, compare: [['truth', 'noisy']] as [string, string][] };

describe('evaluation', () => {
  it('puts the scorer that knows the probabilities first, with intervals apart', () => {
    const report = evaluatePredictions(rows, scorers, options);
    expect(report.rows).toBe(9000);
    expect(report.users).toBe(300);
    const { truth: t, noisy: n, blind: b } = report.models;
    expect(t!.gauc!.low).toBeGreaterThan(n!.gauc!.high);
    expect(n!.gauc!.low).toBeGreaterThan(b!.gauc!.high);
    expect(b!.auc!.value).toBe(0.5);
    expect(t!.ece!.value).toBeLessThan(n!.ece!.value);
    expect(report.differences['truth − noisy']!.logLoss!.high).toBeLessThan(0);
  });

  it('judges only probabilities as probabilities', () => {
    const report = evaluatePredictions(rows, scorers, { seed: 1, replicates: 2 });
    expect(Object.keys(report.models.blind!)).not.toContain('logLoss');
    expect(Object.keys(report.models.truth!)).toContain('ece');
  });

  it('evaluates within a column and leaves small groups out', () => {
    const scene = rows.scene.map((value, i) => (i < 50 ? 9 : value));
    const groups = evaluateByGroup(rows, scorers, scene, (v) => `scene-${v}`, {
      ...options,
      minRows: 100,
    });
    expect(Object.keys(groups)).toEqual(['scene-0', 'scene-1', 'scene-2']);
    expect(groups['scene-1']!.rows).toBe(scene.filter((v) => v === 1).length);
  });

  it('refuses a score that is not a number and says which', () => {
    const broken = {
      model: { kind: 'logit' as const, scores: truth.map((s, i) => (i === 5 ? NaN : s)) },
    };
    expect(() => evaluatePredictions(rows, broken, options)).toThrow(EdgeloomError);
    expect(() => evaluatePredictions(rows, broken, options)).toThrow(/model scores row 5/);
  });
});
