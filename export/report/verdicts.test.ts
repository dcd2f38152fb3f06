import { describe, expect, it } from 'vitest';
import { renderCard } from '../card/card.ts';
import { FULL_REPORT } from './fixture.ts';
import type { ReportInput } from './input.ts';
import { renderReport } from './report.ts';
import { metafusionVerdict, rerankerVerdict, signOf, upliftVerdict } from './verdicts.ts';

const from = (low: number | null, high: number | null) => ({ value: 0, low, high });

describe('verdicts', () => {
  it.each([
    [from(0.01, 0.02), 'above'],
    [from(-0.02, -0.01), 'below'],
    [from(-0.01, 0.02), 'open'],
    [from(0, 0.02), 'open'],
    [from(null, null), 'unmeasured'],
    [undefined, 'unmeasured'],
  ])('%j lies %s', (estimate, sign) => {
    expect(signOf(estimate)).toBe(sign);
  });

  it('say what the reranker is better than, and what not', () => {
    const input: ReportInput = {
      ...FULL_REPORT,
      reranker: {
        ...FULL_REPORT.reranker!,
        differences: {
          'reranker − dnn': { gauc: from(-0.01, 0.02) },
          'reranker − popularity': { gauc: from(0.01, 0.02) },
        },
      },
    };
    expect(rerankerVerdict(input)).toBe(
      'Verdict: by GAUC the reranker is better than popularity; not told apart from the plain DNN (95 % intervals of the paired differences).',
    );
  });

  it('say so when greedy is better than uplift', () => {
    const differences = {
      'uplift − random': from(-0.01, 0.02),
      'uplift − greedy': from(-0.05, -0.01),
    };
    const input = { ...FULL_REPORT, uplift: { ...FULL_REPORT.uplift!, differences } };
    expect(upliftVerdict(input)).toContain(
      'is worse than the greedy order; not told apart from a random order (',
    );
  });

  it('name the cohorts whose change is told apart from zero', () => {
    const cohorts = (fused: ReturnType<typeof from>[]): ReportInput => ({
      ...FULL_REPORT,
      metafusion: {
        cohorts: fused.map((estimate, i) => ({
          name: `cohort-${i}`,
          fineTune: null,
          fused: estimate,
        })),
      },
    });
    const [gain, open, loss] = [from(0.001, 0.003), from(-0.001, 0.001), from(-0.003, -0.001)];
    expect(metafusionVerdict(cohorts([open, open, gain]))).toBe(
      'Verdict: the change in GAUC by fused weights is told apart from zero: cohort-2 (gain); the others are not.',
    );
    expect(metafusionVerdict(cohorts([open, loss]))).toContain('cohort-1 (loss); the other is not');
    expect(metafusionVerdict(cohorts([open, open]))).toContain('in no cohort.');
  });

  it('stand in the card and in the report', async () => {
    const texts = [renderCard(FULL_REPORT).replaceAll('\\', ''), await renderReport(FULL_REPORT)];
    for (const text of texts) {
      for (const verdict of [rerankerVerdict, upliftVerdict, metafusionVerdict]) {
        expect(text).toContain(verdict(FULL_REPORT));
      }
    }
  });

  it('come with the threshold that ships and the paired differences', async () => {
    for (const text of [renderCard(FULL_REPORT), await renderReport(FULL_REPORT)]) {
      expect(text).toContain('uplift is above 0.5163');
      expect(text).not.toContain('0.2130');
      expect(text).toContain('uplift − random');
      expect(text).toContain('uplift − greedy');
      expect(text).toMatch(/0\.0600 \\?\[0\.0100, 0\.1100\\?\]/);
    }
  });
});
