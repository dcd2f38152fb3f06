/** The one-page report of a run: self-contained HTML without scripts. */
import type { z } from 'zod';
import {
  calibrationFigure,
  cohortFigure,
  comparisonFigure,
  intervalFigure,
  metricTitle,
  qiniFigure,
  trainingFigure,
  volumeFigure,
} from './figures.ts';
import { html, type Markup, table } from './html.ts';
import { type Evaluation, type ReportInput, reportInputSchema, skipReason } from './input.ts';
import { bytes, count, decimal, interval, percent } from './numbers.ts';
import { Plotter } from './plot.ts';
import { qualityPart } from './quality.ts';
import { STYLE } from './style.ts';
import {
  metafusionVerdict,
  rerankerVerdict,
  UPLIFT_DIFFERENCES,
  upliftRuleSentence,
  upliftVerdict,
} from './verdicts.ts';

/** Metrics in the order of the comparison table; the first three have plots. */
const METRICS = ['gauc', 'auc', 'ndcg@10', 'gaucUser', 'map@10', 'logLoss', 'ece'];
const SAMPLE_COUNTS = [
  ['slates', 'slates'],
  ['exposures', 'exposures'],
  ['clicks', 'clicks'],
  ['decisions', 'request decisions'],
  ['randomisedDecisions', 'of which randomised'],
  ['usersCapped', 'users with more events than are stitched'],
  ['eventsCapped', 'their oldest events, in no sample'],
] as const;
const PLOTTED = METRICS.slice(0, 3);

/** Equal input gives equal bytes. */
export async function renderReport(given: z.input<typeof reportInputSchema>): Promise<string> {
  const input = reportInputSchema.parse(given);
  const plotter = new Plotter();
  const sections: Markup[] = [
    header(input),
    tiles(input),
    gates(input),
    await data(input, plotter),
    await training(input, plotter),
    await reranker(input, plotter),
    await uplift(input, plotter),
    await metafusion(input, plotter),
    parity(input),
    files(input),
    lineage(input),
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>edgeloom ${input.manifest.releaseId}</title>
<style>${style}</style>
</head>
<body><main>
${sections}</main></body>
</html>
`.text;
}

const style = html([STYLE] as unknown as TemplateStringsArray);

const figures = (parts: (Markup | null)[]): Markup =>
  html`<div class="grid">${parts.filter((part) => part !== null)}</div>\n`;

const paragraph = (text: string | null): Markup => (text ? html`<p>${text}</p>\n` : html``);

const skipped = (what: string, reason: string | undefined): Markup =>
  html`<p class="note-box">${what} was skipped. ${reason ?? 'The run gave no reason.'}</p>\n`;

function header({ manifest, date }: ReportInput): Markup {
  const { dataset } = manifest;
  const badge = dataset.simulated
    ? html`<span class="badge note">simulated data</span>`
    : html`<span class="badge good">logged data</span>`;
  return html`<header><h1>Report of ${date}</h1>
<p>Release <code>${manifest.releaseId}</code> from the dataset <strong>${dataset.name}</strong> ${badge}</p>
<p class="faint">${dataset.description}</p></header>\n`;
}

function tiles({ manifest, account, samples, reranker, uplift }: ReportInput): Markup {
  const tile = (value: string, label: string): Markup =>
    html`<li><b>${value}</b><span>${label}</span></li>\n`;
  const all: Markup[] = [];
  if (account) all.push(tile(count(account.stored), 'events stored'));
  if (samples?.slates !== undefined) all.push(tile(count(samples.slates), 'slates'));
  const gauc = reranker?.models.reranker?.gauc;
  if (gauc) {
    all.push(
      tile(
        decimal(gauc.value),
        `GAUC of the reranker, ${decimal(gauc.low)} … ${decimal(gauc.high)}`,
      ),
    );
  }
  const qini = uplift?.scores.uplift?.qini;
  if (qini)
    all.push(
      tile(decimal(qini.value), `Qini of uplift, ${decimal(qini.low)} … ${decimal(qini.high)}`),
    );
  const shipped = manifest.files.filter(({ format }) => format === 'tflite');
  all.push(tile(bytes(shipped.reduce((sum, file) => sum + file.bytes, 0)), 'TFLite files'));
  all.push(tile(bytes(manifest.files.reduce((sum, file) => sum + file.bytes, 0)), 'whole bundle'));
  return html`<ul class="tiles">${all}</ul>\n`;
}

function gates({ manifest }: ReportInput): Markup {
  if (manifest.gates.length === 0 && manifest.skipped.length === 0) return html``;
  const rows = table(
    'Gates',
    [
      { head: 'Gate', cell: ({ name }) => name },
      {
        head: 'Result',
        cell: ({ passed }) =>
          passed
            ? html`<span class="badge good">passed</span>`
            : html`<span class="badge bad">failed</span>`,
      },
      { head: 'Why', cell: ({ detail }) => detail },
    ],
    manifest.gates,
  );
  const reasons = new Map<string, string[]>();
  for (const { stage, reason } of manifest.skipped) {
    reasons.set(reason, [...(reasons.get(reason) ?? []), stage]);
  }
  const notes = [...reasons].map(
    ([reason, stages]) => html`<p class="note-box">Skipped: ${stages.join(', ')}. ${reason}</p>\n`,
  );
  return html`<section><h2>Gates and skipped stages</h2>
${manifest.gates.length > 0 ? rows : null}${notes}</section>\n`;
}

async function data(input: ReportInput, plotter: Plotter): Promise<Markup> {
  const { account, samples } = input;
  if (!account && !samples) return html``;
  const balance =
    account &&
    ([
      ['rows in', account.rowsIn],
      ['stored', account.stored],
      ['rejected', account.rejected],
      ['duplicates', account.duplicates],
      ...Object.entries(account.rejectsByReason ?? {}).map(([why, n]): [string, number] => [
        `rejected: ${why}`,
        n,
      ]),
    ] as [string, number][] | undefined);
  const stitched = SAMPLE_COUNTS.flatMap(([name, title]): [string, number][] =>
    samples?.[name] === undefined ? [] : [[title, samples[name]]],
  );
  const columns = [
    { head: 'What', cell: ([name]: [string, number]) => name },
    { head: 'Rows', cell: ([, n]: [string, number]) => count(n), numeric: true },
  ];
  const boxes = [
    await volumeFigure(plotter, input),
    balance
      ? table('Account of ingest: every row is stored, rejected or a duplicate', columns, balance)
      : null,
    stitched.length > 0 ? table('Training samples', columns, stitched) : null,
  ];
  const notes = (samples?.notes ?? []).map((note) => html`<li>${note}</li>\n`);
  return html`<section><h2>Data</h2>
${figures(boxes)}${notes.length > 0 ? html`<ul class="plain">${notes}</ul>` : null}${qualityPart(input)}</section>\n`;
}

async function training({ trainings }: ReportInput, plotter: Plotter): Promise<Markup> {
  const plots: (Markup | null)[] = [];
  for (const [name, history] of Object.entries(trainings)) {
    plots.push(await trainingFigure(plotter, name, history));
  }
  if (plots.length === 0) return html``;
  return html`<section><h2>Training</h2>\n${figures(plots)}</section>\n`;
}

function metricTable(caption: string, evaluation: Evaluation): Markup {
  const present = METRICS.filter((metric) =>
    Object.values(evaluation.models).some((metrics) => metrics[metric]),
  );
  return table(
    caption,
    [
      { head: 'Model', cell: ([name]) => name },
      ...present.map((metric) => ({
        head: metricTitle(metric),
        cell: ([, metrics]: [string, Evaluation['models'][string]]) => interval(metrics[metric]),
        numeric: true,
      })),
    ],
    Object.entries(evaluation.models),
  );
}

async function reranker(input: ReportInput, plotter: Plotter): Promise<Markup> {
  const metrics = input.reranker;
  if (!metrics) {
    return html`<section><h2>Reranker</h2>\n${skipped('The reranker', skipReason(input, 'reranker'))}</section>\n`;
  }
  const plots: (Markup | null)[] = [];
  for (const metric of PLOTTED) plots.push(await comparisonFigure(plotter, metrics, metric));
  const differences = Object.entries(metrics.differences).flatMap(([name, by]) =>
    by.gauc ? [{ name, ...by.gauc }] : [],
  );
  plots.push(
    await intervalFigure(plotter, {
      title: 'Differences in GAUC',
      description: 'Paired over the same users; beyond the dashed line is a difference.',
      axis: 'difference in GAUC per slate',
      points: differences,
      zero: true,
    }),
    await calibrationFigure(plotter, input),
  );
  const scenes = Object.entries(metrics.byScene ?? {}).map(([scene, evaluation]) =>
    metricTable(`Within scene ${scene}: ${count(evaluation.rows)} rows`, evaluation),
  );
  const day = metrics.testDate ? ` of ${metrics.testDate}` : '';
  const ranked = metrics.slates?.rankedRowShare;
  const share =
    ranked === undefined || ranked === null
      ? ''
      : ` ${percent(ranked)} of the rows are in slates with both outcomes, which is where GAUC is defined.`;
  return html`<section><h2>Reranker</h2>
<p>${count(metrics.rows)} exposed candidates${day} by ${count(metrics.users)} users.${share}</p>
${paragraph(rerankerVerdict(input))}${figures(plots)}
${metricTable('All rows, with 95 % intervals over users', metrics)}${scenes}</section>\n`;
}

async function uplift(input: ReportInput, plotter: Plotter): Promise<Markup> {
  const metrics = input.uplift;
  if (!metrics) {
    return html`<section><h2>Request uplift</h2>\n${skipped('Request uplift', skipReason(input, 'uplift'))}</section>\n`;
  }
  const { ate } = metrics;
  const points = Object.entries(metrics.scores).map(([name, { qini }]) => ({ name, ...qini }));
  const differences = UPLIFT_DIFFERENCES.flatMap((name) => {
    const difference = metrics.differences[name];
    return difference ? [{ name, ...difference }] : [];
  });
  return html`<section><h2>Request uplift</h2>
<p>${count(metrics.rows)} randomised decisions${metrics.testDate ? ` of ${metrics.testDate}` : ''}${
    ate ? `; asking always adds ${interval(ate, 5)} orders per decision` : ''
  }.</p>
${paragraph(upliftVerdict(input))}${paragraph(upliftRuleSentence(input))}${figures([
  await qiniFigure(plotter, input),
  await intervalFigure(plotter, {
    title: 'Normalised Qini',
    description:
      'Against greedy and random orders of the same decisions, 95 % intervals over users.',
    axis: 'normalised Qini',
    points,
    zero: true,
  }),
  await intervalFigure(plotter, {
    title: 'Differences in Qini',
    description: 'Paired over the same users; beyond the dashed line is a difference.',
    axis: 'difference in normalised Qini',
    points: differences,
    zero: true,
  }),
])}</section>\n`;
}

async function metafusion(input: ReportInput, plotter: Plotter): Promise<Markup> {
  const metrics = input.metafusion;
  if (!metrics) {
    const reason = skipReason(input, 'metafusion') ?? skipReason(input, 'cohort');
    return html`<section><h2>MetaFusion</h2>\n${skipped('MetaFusion', reason)}</section>\n`;
  }
  return html`<section><h2>MetaFusion</h2>\n${paragraph(metafusionVerdict(input))}${figures([await cohortFigure(plotter, input)])}</section>\n`;
}

function parity({ parity: reports, manifest }: ReportInput): Markup {
  const rows = Object.entries(reports).flatMap(([model, report]) =>
    report.files.map((file) => ({ model, ...file })),
  );
  const choices = Object.entries(manifest.models).map(
    ([model, { chosenProfile, reasons }]) =>
      html`<li><strong>${model}</strong> ships ${chosenProfile}. ${reasons.join(' ')}</li>\n`,
  );
  if (rows.length === 0 && choices.length === 0) return html``;
  return html`<section><h2>Parity with the trained model</h2>
<ul class="plain">${choices}</ul>
${table(
  'Every exported file on the same real rows as the trained model',
  [
    { head: 'File', cell: ({ path }) => html`<code>${path}</code>` },
    { head: 'Runtime', cell: ({ runtime }) => runtime },
    { head: 'Rows', cell: ({ rows: n }) => count(n), numeric: true },
    { head: 'Largest difference', cell: ({ maxAbs }) => decimal(maxAbs, 6), numeric: true },
    { head: 'Relative RMS', cell: ({ relativeRms }) => decimal(relativeRms, 6), numeric: true },
    { head: 'Bound', cell: ({ bound }) => bound },
    {
      head: 'Result',
      cell: ({ passed }) =>
        passed
          ? html`<span class="badge good">holds</span>`
          : html`<span class="badge bad">broken</span>`,
    },
  ],
  rows,
)}</section>\n`;
}

function files({ manifest }: ReportInput): Markup {
  return html`<section><h2>Files of the bundle</h2>
${table(
  `${manifest.files.length} files beside the manifest, the card and this report`,
  [
    { head: 'File', cell: ({ path }) => html`<code>${path}</code>` },
    { head: 'Role', cell: ({ role }) => role },
    { head: 'Numbers', cell: ({ profile }) => profile ?? null },
    { head: 'Size', cell: (file) => bytes(file.bytes), numeric: true },
    { head: 'SHA-256', cell: ({ sha256 }) => html`<code>${sha256.slice(0, 16)}…</code>` },
  ],
  manifest.files,
)}</section>\n`;
}

function lineage({ manifest }: ReportInput): Markup {
  const { lineage: from, contentHash, minimumRuntimes } = manifest;
  const rows: [string, string][] = [
    ['run', from.run],
    ['commit', from.commit],
    ['training days', from.dates.training.join(', ')],
    ['validation day', from.dates.validation ?? '–'],
    ['content hash', contentHash],
    [
      'oldest runtimes',
      `TensorFlow Lite ${minimumRuntimes.tflite}, ONNX opset ${minimumRuntimes.onnxOpset}`,
    ],
    ...Object.entries(from.inputs).map(([name, hash]): [string, string] => [`input ${name}`, hash]),
  ];
  return html`<section><h2>Where it comes from</h2>
${table(
  'Lineage',
  [
    { head: 'What', cell: ([name]) => name },
    { head: 'Value', cell: ([, value]) => html`<code>${value}</code>` },
  ],
  rows,
)}</section>\n`;
}
