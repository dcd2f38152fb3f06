import { describe, expect, it } from 'vitest';
import { renderCard } from '../card/card.ts';
import { FULL_REPORT } from '../report/fixture.ts';
import { gatesOf } from './gates.ts';

const withRows = (rows: number) => {
  const { files, ...rest } = FULL_REPORT.parity.reranker!;
  return {
    ...FULL_REPORT,
    parity: { reranker: { ...rest, files: files.map((file) => ({ ...file, rows })) } },
  };
};
const models = { reranker: { chosenProfile: 'int8' } };
const parity = (rows: number) => gatesOf(withRows(rows), models)[0]!;

describe('the gate of parity', () => {
  it('says so when the log has fewer rows than parity wants, and passes', () => {
    expect(parity(210)).toEqual({
      name: 'parity',
      passed: true,
      detail:
        '2 files compute the trained models within their bounds. Warning: rerank on 210 rows only, fewer than 500.',
    });
    expect(renderCard(withRows(210))).toContain('rerank on 210 rows only, fewer than 500');
  });

  it('says nothing of rows when there are enough', () => {
    expect(parity(500).detail).not.toContain('Warning');
    expect(renderCard(withRows(500))).not.toContain('Warning');
  });
});
