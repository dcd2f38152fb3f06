/** The model card: what a bundle is, how good, and what it is not for. */
import type { z } from 'zod';
import { fewRowsWarning } from '../parity/few-rows.ts';
import { type Evaluation, type ReportInput, reportInputSchema } from '../report/input.ts';
import { bytes, count, decimal, interval } from '../report/numbers.ts';
import { qualitySentence } from '../report/quality.ts';
import {
  metafusionVerdict,
  rerankerVerdict,
  UPLIFT_DIFFERENCES,
  upliftRuleSentence,
  upliftVerdict,
} from '../report/verdicts.ts';

type Shapes = ReportInput['entries'][string][string]['inputs'];

/** Equal input gives equal bytes. */
export function renderCard(given: z.input<typeof reportInputSchema>): string {
  const input = reportInputSchema.parse(given);
  return [
    head(input),
    data(input),
    reranker(input),
    uplift(input),
    metafusion(input),
    parity(input),
    gates(input),
    use(input),
    limits(input),
  ]
    .filter((section) => section !== '')
    .join('\n\n')
    .concat('\n');
}

/** Text from logs and settings, kept from being read as Markdown or HTML. */
export const escapeMarkdown = (text: string): string =>
  text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_{}[\]<>()#+!|&~]/g, (c) => `\\${c}`);

const code = (text: string): string => `\`${text.replace(/[`\r\n]/g, ' ')}\``;

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const sentence = (text: string | null): string => escapeMarkdown(text ?? '');

function head({ manifest, date }: ReportInput): string {
  const { dataset, releaseId, contentHash, models } = manifest;
  const origin = dataset.simulated
    ? 'It was trained on **simulated data**: its figures say how the pipeline works, not how people behave.'
    : 'It was trained on logged data.';
  const names = Object.entries(models).map(
    ([name, { version, entries }]) =>
      `- **${name}** (${code(version)})${entries.length > 0 ? `: ${entries.map(code).join(', ')}` : ''}`,
  );
  return `# Model card of ${code(releaseId)}

On-device recommendation models of ${date}, for phones that reorder slates and decide when to ask for
a new page. ${origin}

${names.join('\n')}

Content hash ${code(contentHash)}.`;
}

function data({ manifest, account, samples, quality }: ReportInput): string {
  const { dataset, lineage } = manifest;
  const lines = [
    `- dataset: ${escapeMarkdown(dataset.name)}, ${dataset.simulated ? 'simulated' : 'logged'}. ${escapeMarkdown(dataset.description)}`,
    `- training days: ${lineage.dates.training.join(', ')}; validation day: ${lineage.dates.validation ?? 'none'}`,
  ];
  if (account) {
    lines.push(
      `- events: ${count(account.rowsIn)} in = ${count(account.stored)} stored + ${count(account.rejected)} rejected + ${count(account.duplicates)} duplicates`,
    );
  }
  if (samples?.slates !== undefined) {
    lines.push(
      `- samples: ${count(samples.slates)} slates, ${count(samples.exposures ?? 0)} exposures, ${count(samples.clicks ?? 0)} clicks, ${count(samples.randomisedDecisions ?? 0)} randomised decisions`,
    );
  }
  const checked = qualitySentence({ quality });
  if (checked) lines.push(`- ${escapeMarkdown(checked)}`);
  return `## Data\n\n${lines.join('\n')}`;
}

const METRICS = ['gauc', 'gaucUser', 'auc', 'ndcg@10', 'map@10', 'logLoss', 'ece'];

function metricTable({ models }: Evaluation): string {
  const present = METRICS.filter((metric) => Object.values(models).some((of) => of[metric]));
  return table(
    ['model', ...present],
    Object.entries(models).map(([name, of]) => [
      escapeMarkdown(name),
      ...present.map((metric) => interval(of[metric])),
    ]),
  );
}

function reranker(input: ReportInput): string {
  const { reranker: metrics } = input;
  if (!metrics) return '';
  const differences = Object.entries(metrics.differences).flatMap(([name, by]) =>
    by.gauc ? [`- ${escapeMarkdown(name)}: ${interval(by.gauc)} GAUC`] : [],
  );
  const calibration = metrics.models.reranker?.ece;
  return `## Reranker

${count(metrics.rows)} exposed candidates${metrics.testDate ? ` of ${metrics.testDate}` : ''} by ${count(metrics.users)} users; 95 % intervals from
resampled users.

${metricTable(metrics)}

${differences.length > 0 ? `Paired differences:\n\n${differences.join('\n')}\n\n` : ''}Calibration error of the reranker: ${interval(calibration)}.

${sentence(rerankerVerdict(input))}`;
}

function uplift(input: ReportInput): string {
  const { uplift: metrics } = input;
  if (!metrics) return '';
  const rows = Object.entries(metrics.scores).map(([name, { qini }]) => [
    escapeMarkdown(name),
    interval(qini),
  ]);
  const differences = UPLIFT_DIFFERENCES.flatMap((name) => {
    const difference = metrics.differences[name];
    return difference ? [`- ${escapeMarkdown(name)}: ${interval(difference)} Qini`] : [];
  });
  const paired = differences.length > 0 ? `Paired differences:\n\n${differences.join('\n')}` : '';
  const texts = [paired, sentence(upliftVerdict(input)), sentence(upliftRuleSentence(input))];
  return `## Request uplift

${count(metrics.rows)} randomised decisions${metrics.testDate ? ` of ${metrics.testDate}` : ''}. Normalised Qini:

${[table(['order of decisions', 'Qini'], rows), ...texts].filter(Boolean).join('\n\n')}`;
}

function metafusion(input: ReportInput): string {
  const { metafusion: metrics } = input;
  if (!metrics) return '';
  const rows = metrics.cohorts.map(({ name, fineTune, fused }) => [
    escapeMarkdown(name),
    interval(fineTune),
    interval(fused),
  ]);
  return `## MetaFusion

Gain in GAUC over the meta model, per cohort of users.

${table(['cohort', 'fine-tuned', 'fused'], rows)}

${sentence(metafusionVerdict(input))}`;
}

function parity({ parity: reports, manifest }: ReportInput): string {
  const rows = Object.values(reports).flatMap(({ files }) =>
    files.map((file) => [
      code(file.path),
      file.runtime,
      String(file.rows),
      decimal(file.maxAbs, 7),
      decimal(file.relativeRms, 7),
      `${file.bound}: ${file.passed ? 'holds' : '**broken**'}`,
    ]),
  );
  const choices = Object.entries(manifest.models).map(
    ([name, { reasons }]) => `- **${name}**: ${reasons.map(escapeMarkdown).join(' ')}`,
  );
  const warning = fewRowsWarning(Object.values(reports).flatMap(({ files }) => files));
  const measured =
    rows.length === 0
      ? ''
      : `\n\nEvery file against the trained model, on real rows:\n\n${table(
          ['file', 'runtime', 'rows', 'largest difference', 'relative RMS', 'bound'],
          rows,
        )}${warning ? `\n\n${escapeMarkdown(warning)}` : ''}`;
  return `## Number formats and parity\n\n${choices.join('\n')}${measured}`;
}

function gates({ manifest }: ReportInput): string {
  const passed = manifest.gates.map(
    ({ name, passed: ok, detail }) =>
      `- ${escapeMarkdown(name)}: ${ok ? 'passed' : '**failed**'}. ${escapeMarkdown(detail)}`,
  );
  const skipped = manifest.skipped.map(
    ({ stage, reason }) => `- skipped ${escapeMarkdown(stage)}: ${escapeMarkdown(reason)}`,
  );
  const lines = [...passed, ...skipped];
  return lines.length === 0 ? '' : `## Gates and skipped stages\n\n${lines.join('\n')}`;
}

function use({ manifest, entries }: ReportInput): string {
  const shapes = (of: Shapes): string =>
    Object.entries(of)
      .map(([name, { shape }]) => `${code(name)} [${shape.join(', ')}]`)
      .join(', ');
  const sections = Object.entries(entries).flatMap(([model, of]) =>
    Object.entries(of).map(
      ([entry, { inputs, outputs }]) =>
        `- **${model}.${entry}**: ${shapes(inputs)} → ${shapes(outputs)}`,
    ),
  );
  const { tflite, onnxOpset } = manifest.minimumRuntimes;
  const size = manifest.files
    .filter(({ format }) => format === 'tflite')
    .reduce((sum, file) => sum + file.bytes, 0);
  return `## Use

TFLite files (${bytes(size)}) need TensorFlow Lite ${tflite} or later, signature ${code('serving_default')}; ONNX
files need opset ${onnxOpset}. All inputs and outputs are float32. Item vectors are rows of ${code('embeddings/')}; everything
else is computed as ${code('features.json')} says. Prove a port with ${code('golden/')}.

${sections.join('\n')}`;
}

function limits({ manifest }: ReportInput): string {
  const lines = [
    ...(manifest.dataset.simulated
      ? ['Simulated data: do not expect these figures from people.']
      : []),
    'Offline figures on logged slates: what was never shown was never judged.',
    'A model is valid with the embeddings of its own version only, and for the days near its training.',
    'Items that training did not know share one row.',
  ];
  return `## Limits\n\n${lines.map((line) => `- ${line}`).join('\n')}`;
}
