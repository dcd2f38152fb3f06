import { describe, expect, it } from 'vitest';
import { renderCard } from '../card/card.ts';
import { calibrationBins } from './calibration.ts';
import { FULL_REPORT, MANIFEST } from './fixture.ts';
import { html, table } from './html.ts';
import type { ReportInput } from './input.ts';
import { bytes, decimal, interval } from './numbers.ts';
import { renderReport } from './report.ts';

const HOSTILE = '"><script>alert(1)</script>\'&';

/** Only a manifest: what a run has whose every branch was skipped. */
const BARE: ReportInput = {
  date: '2022-04-30',
  manifest: {
    ...MANIFEST,
    skipped: [{ stage: 'train-uplift', reason: 'The log has no randomised request decisions.' }],
  },
  trainings: {},
  entries: {},
  parity: {},
};

describe('the report', () => {
  it('shows every section of a full run', async () => {
    const text = await renderReport(FULL_REPORT);
    for (const title of [
      'Data',
      'Training',
      'Reranker',
      'Request uplift',
      'MetaFusion',
      'Parity with the trained model',
      'Files of the bundle',
    ]) {
      expect(text).toContain(`<h2>${title}</h2>`);
    }
    expect(text).toContain('simulated data');
    expect(text).toContain('0.6640 [0.6520, 0.6760]');
  });

  it('shows what the checks of the data found, with reasons of those switched off', async () => {
    const text = await renderReport(FULL_REPORT);
    expect(text).toContain(
      '1 of 2 checks of the data passed; warnings: psi/samples.rerank/scene; switched off: volume/play (plays are sampled since April).',
    );
    expect(text).toContain('scene of samples.rerank has drifted. Rows: e017 (2022-04-30).');
    expect(text).toContain('Drift of 1 columns; most in samples.rerank.scene, PSI 0.1612');
    expect(text).toContain('<td class="number">53,332</td>');
    expect(text).not.toContain('the reference has none');
    expect(renderCard(FULL_REPORT)).toContain('1 of 2 checks of the data passed; warnings: psi/');
  });

  it('shows the notes that stitching made on the samples', async () => {
    const notes = ['Impressions are logged for one scene only.'];
    const text = await renderReport({ ...FULL_REPORT, samples: { notes } });
    expect(text).toContain('<li>Impressions are logged for one scene only.</li>');
  });

  it('is one file that runs and loads nothing', async () => {
    const text = await renderReport(FULL_REPORT);
    expect(text).not.toMatch(/<script|<link|<img|<iframe|javascript:|@import/i);
    expect(text).not.toMatch(/(src|href)=/i);
    expect(text).toContain("default-src 'none'");
  });

  it('describes every plot in words and gives its numbers as a table', async () => {
    const text = await renderReport(FULL_REPORT);
    const plots = text.match(/<svg [^>]*>/g) ?? [];
    expect(plots.length).toBeGreaterThanOrEqual(9);
    for (const plot of plots) expect(plot).toMatch(/role="img" aria-label="[^"]{20,}"/);
    expect(text.match(/<summary>The numbers/g)).toHaveLength(plots.length);
  });

  it('has equal bytes for equal input', async () => {
    expect(await renderReport(FULL_REPORT)).toBe(await renderReport(structuredClone(FULL_REPORT)));
  });

  it('says why a stage was skipped', async () => {
    const text = await renderReport(BARE);
    expect(text).toContain(
      'Request uplift was skipped. The log has no randomised request decisions.',
    );
  });

  it('escapes names and texts from outside', async () => {
    const hostile: ReportInput = {
      ...FULL_REPORT,
      manifest: { ...MANIFEST, dataset: { name: HOSTILE, simulated: false, description: HOSTILE } },
      trainings: { [HOSTILE]: FULL_REPORT.trainings.reranker! },
      reranker: {
        ...FULL_REPORT.reranker!,
        models: { [HOSTILE]: { gauc: { value: 1, low: 0, high: 1 } } },
      },
      account: {
        ...FULL_REPORT.account!,
        rejectsByReason: { [HOSTILE]: 3 },
        byDate: { [HOSTILE]: 5 },
      },
    };
    const text = await renderReport(hostile);
    expect(text).not.toMatch(/<script/i);
    expect(text).toContain('&lt;script&gt;');
  });

  it('takes measured nothing (null) for what it is', async () => {
    const nothing = { value: null, low: null, high: null };
    const text = await renderReport({
      ...FULL_REPORT,
      reranker: {
        ...FULL_REPORT.reranker!,
        models: { reranker: { gauc: nothing, auc: nothing } },
        differences: {},
      },
    });
    expect(text).toContain('–');
    expect(text).not.toMatch(/NaN|undefined/);
  });
});

describe('the model card', () => {
  it('says what a reader must know before use', () => {
    const card = renderCard(FULL_REPORT);
    for (const fact of [
      'simulated data',
      '2022-04-28, 2022-04-29',
      '| reranker | 0.6640 \\[0.6520, 0.6760\\] |'.replaceAll('\\', ''),
      'int8 ships',
      '`cand_vec` [1, 50, 40]',
      'reranker-0123456789ab',
      'relative RMS ≤ 0.1: holds',
      'Calibration error of the reranker: 0.0110',
    ]) {
      expect(card).toContain(fact);
    }
  });

  it('says what was skipped and why', () => {
    expect(renderCard(BARE)).toContain(
      'skipped train-uplift: The log has no randomised request decisions.',
    );
  });

  it('does not let texts from outside become markup', () => {
    const card = renderCard({
      ...FULL_REPORT,
      manifest: {
        ...MANIFEST,
        dataset: { name: '# x | [y](http://z)', simulated: false, description: HOSTILE },
      },
    });
    expect(card).toContain('\\# x \\| \\[y\\]\\(http://z\\)');
    expect(card).not.toContain('<script>');
  });
});

describe('numbers', () => {
  it('are written as a reader wants them', () => {
    expect(decimal(-0.01234)).toBe('−0.0123');
    expect(decimal(0.0000123)).toBe('1.2e-5');
    expect(decimal(Number.NaN)).toBe('–');
    expect(interval({ value: 0.5, low: null, high: null })).toBe('0.5000');
    expect(bytes(1536)).toBe('1.5 KiB');
  });

  it('fall into bins of equal size', () => {
    const bins = calibrationBins([0.4, 0.1, 0.3, 0.2], [1, 0, 1, 0], 2);
    expect(bins).toEqual([
      { predicted: 0.15000000000000002, observed: 0, rows: 2 },
      { predicted: 0.35, observed: 1, rows: 2 },
    ]);
  });
});

describe('html', () => {
  it('escapes values and keeps markup made by itself', () => {
    expect(html`<a title="${HOSTILE}">${html`<b>${'<'}</b>`}</a>`.text).toBe(
      '<a title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;"><b>&lt;</b></a>',
    );
  });

  it('marks heads of rows and columns', () => {
    const { text } = table('t', [{ head: 'h', cell: (x: number) => x }], [1]);
    expect(text).toContain('<th scope="col">h</th>');
    expect(text).toContain('<th scope="row">1</th>');
  });
});
