/** The plots of the report, each from the rows that its table shows. */
import type { Markup } from './html.ts';
import {
  type EstimateLike,
  type Evaluation,
  type History,
  type ReportInput,
  storedBy,
} from './input.ts';
import { count, decimal, interval } from './numbers.ts';
import { COLOURS, PLOT_WIDTH, type Plotter } from './plot.ts';

const METRIC_TITLES: Record<string, string> = {
  auc: 'AUC',
  gauc: 'GAUC per slate',
  gaucUser: 'GAUC per user',
  'ndcg@5': 'NDCG@5',
  'ndcg@10': 'NDCG@10',
  'map@5': 'MAP@5',
  'map@10': 'MAP@10',
  logLoss: 'log loss',
  ece: 'calibration error',
  loss: 'loss',
  qini: 'Qini',
};

export const metricTitle = (metric: string): string => METRIC_TITLES[metric] ?? metric;

export async function volumeFigure(plotter: Plotter, input: ReportInput): Promise<Markup | null> {
  const rows = storedBy(input.account?.byDate).map(([date, events]) => ({ date, events }));
  if (rows.length === 0) return null;
  return await plotter.figure({
    title: 'Events per day',
    description: 'Device events that were stored, by business day.',
    spec: {
      width: PLOT_WIDTH,
      height: 160,
      data: { values: rows },
      mark: { type: 'bar', color: COLOURS[0], cornerRadiusEnd: 2 },
      encoding: {
        x: { field: 'date', type: 'ordinal', title: null, axis: { labelAngle: -40 } },
        y: { field: 'events', type: 'quantitative', title: null, axis: { format: '~s' } },
      },
    },
    columns: [
      { head: 'Day', cell: ({ date }) => date },
      { head: 'Events', cell: ({ events }) => count(events), numeric: true },
    ],
    rows,
  });
}

/** Training loss and every validation metric, one small plot each. */
export async function trainingFigure(
  plotter: Plotter,
  name: string,
  history: History,
): Promise<Markup | null> {
  if (history.length === 0) return null;
  const metrics = Object.keys(history[0]!.valid);
  const epochs = history.map((record) => ({ ...record, epoch: record.epoch + 1 }));
  const rows = epochs.flatMap(({ epoch, loss, valid, best }) => [
    { epoch, panel: 'training loss', value: loss, best: best === true },
    ...metrics.map((metric) => ({
      epoch,
      panel: `validation ${metricTitle(metric)}`,
      value: valid[metric] ?? null,
      best: best === true,
    })),
  ]);
  const kept = epochs.findLast(({ best }) => best)?.epoch;
  const x = { field: 'epoch', type: 'quantitative', axis: { tickMinStep: 1, format: 'd' } };
  const y = { field: 'value', type: 'quantitative', title: null, scale: { zero: false } };
  return await plotter.figure({
    title: `Training of ${name}`,
    description: `${history.length} epochs${kept === undefined ? '.' : `; the weights after epoch ${kept} were kept.`}`,
    spec: {
      data: { values: rows },
      facet: {
        row: {
          field: 'panel',
          type: 'nominal',
          sort: null,
          header: { labelAngle: 0, labelOrient: 'top', labelAnchor: 'start' },
        },
      },
      spec: {
        width: PLOT_WIDTH,
        height: 90,
        layer: [
          { mark: { type: 'line', color: COLOURS[0] }, encoding: { x, y } },
          {
            mark: { type: 'point', filled: true, size: 45, color: COLOURS[1] },
            transform: [{ filter: `datum.epoch === ${kept ?? -1}` }],
            encoding: { x, y },
          },
        ],
      },
      resolve: { scale: { y: 'independent' } },
    },
    columns: [
      { head: 'Epoch', cell: ({ epoch }) => epoch, numeric: true },
      { head: 'Training loss', cell: ({ loss }) => decimal(loss), numeric: true },
      ...metrics.map((metric) => ({
        head: metricTitle(metric),
        cell: ({ valid }: History[number]) => decimal(valid[metric]),
        numeric: true,
      })),
    ],
    rows: epochs,
  });
}

interface Point extends EstimateLike {
  name: string;
}

/** Values with their intervals, one line each. `zero` draws the line of no difference. */
export async function intervalFigure(
  plotter: Plotter,
  figure: { title: string; description: string; axis: string; points: Point[]; zero?: boolean },
): Promise<Markup | null> {
  const points = figure.points.filter(({ value }) => value !== null);
  if (points.length === 0) return null;
  const y = {
    field: 'name',
    type: 'nominal',
    sort: null,
    title: null,
    axis: { grid: true, labelLimit: 400 },
  };
  const scale = { zero: false, nice: true };
  const zero = {
    data: { values: [{ at: 0 }] },
    mark: { type: 'rule', color: '#9aa7b1', strokeDash: [4, 3] },
    encoding: { x: { field: 'at', type: 'quantitative' } },
  };
  return await plotter.figure({
    title: figure.title,
    description: figure.description,
    spec: {
      width: PLOT_WIDTH - 6.5 * Math.max(...points.map(({ name }) => name.length)),
      height: { step: 28 },
      data: { values: points },
      layer: [
        ...(figure.zero ? [zero] : []),
        {
          mark: { type: 'rule', strokeWidth: 2.5, color: COLOURS[0] },
          encoding: {
            y,
            x: {
              field: 'low',
              type: 'quantitative',
              title: figure.axis,
              scale,
              axis: { tickCount: 5 },
            },
            x2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 70, color: COLOURS[0], opacity: 1 },
          encoding: { y, x: { field: 'value', type: 'quantitative', scale } },
        },
      ],
    },
    columns: [
      { head: 'Name', cell: ({ name }) => name },
      { head: `${figure.axis} [95 % interval]`, cell: (point) => interval(point), numeric: true },
    ],
    rows: points,
  });
}

export function comparisonFigure(
  plotter: Plotter,
  evaluation: Evaluation,
  metric: string,
): Promise<Markup | null> {
  const points = Object.entries(evaluation.models).flatMap(([name, metrics]) =>
    metrics[metric] ? [{ name, ...metrics[metric] }] : [],
  );
  return intervalFigure(plotter, {
    title: metricTitle(metric),
    description: 'On the test day; lines are 95 % intervals over users.',
    axis: metricTitle(metric),
    points,
  });
}

export async function calibrationFigure(
  plotter: Plotter,
  input: ReportInput,
): Promise<Markup | null> {
  const rows = Object.entries(input.reranker?.calibration ?? {}).flatMap(([model, bins]) =>
    bins.map(({ predicted, observed, rows: n }) => ({ model, predicted, observed, n })),
  );
  if (rows.length === 0) return null;
  const top = Math.max(
    ...rows.flatMap(({ predicted, observed }) => [predicted ?? 0, observed ?? 0]),
  );
  const x = { field: 'predicted', type: 'quantitative', title: 'predicted click rate' };
  const y = { field: 'observed', type: 'quantitative', title: 'observed click rate' };
  return await plotter.figure({
    title: 'Calibration',
    description:
      'Bins of equal size by predicted click rate; the dashed line is perfect calibration.',
    spec: {
      width: PLOT_WIDTH - 20,
      height: 240,
      layer: [
        {
          data: { values: [{ at: 0 }, { at: top }] },
          mark: { type: 'line', color: '#9aa7b1', strokeDash: [4, 3] },
          encoding: {
            x: { field: 'at', type: 'quantitative', title: 'predicted click rate' },
            y: { field: 'at', type: 'quantitative', title: 'observed click rate' },
          },
        },
        {
          data: { values: rows },
          mark: { type: 'line', point: { size: 35, filled: true } },
          encoding: { x, y, color: { field: 'model', type: 'nominal', sort: null } },
        },
      ],
    },
    columns: [
      { head: 'Model', cell: ({ model }) => model },
      { head: 'Predicted', cell: ({ predicted }) => decimal(predicted), numeric: true },
      { head: 'Observed', cell: ({ observed }) => decimal(observed), numeric: true },
      { head: 'Rows', cell: ({ n }) => count(n), numeric: true },
    ],
    rows,
  });
}

export async function qiniFigure(plotter: Plotter, input: ReportInput): Promise<Markup | null> {
  const curve = input.uplift?.curve;
  const last = curve?.at(-1);
  if (!curve || !last) return null;
  const rows = curve.map(([asked, gain]) => ({ asked, gain, random: asked * last[1] }));
  const asked = {
    field: 'asked',
    type: 'quantitative',
    title: 'share of decisions that ask',
    axis: { format: '.0%' },
  };
  return await plotter.figure({
    title: 'Qini curve',
    description:
      'Extra orders per decision when the decisions of highest uplift ask for a page; the dashed line is asking at random.',
    spec: {
      width: PLOT_WIDTH - 20,
      height: 220,
      data: { values: rows },
      layer: [
        {
          mark: { type: 'line', color: '#9aa7b1', strokeDash: [4, 3] },
          encoding: { x: asked, y: { field: 'random', type: 'quantitative' } },
        },
        {
          mark: { type: 'line', color: COLOURS[0], strokeWidth: 2.5 },
          encoding: {
            x: asked,
            y: { field: 'gain', type: 'quantitative', title: 'extra orders per decision' },
          },
        },
      ],
    },
    columns: [
      { head: 'Asked', cell: (row) => `${Math.round(100 * row.asked)} %`, numeric: true },
      { head: 'Extra orders', cell: ({ gain }) => decimal(gain, 5), numeric: true },
      { head: 'At random', cell: ({ random }) => decimal(random, 5), numeric: true },
    ],
    rows: rows.filter((_, i) => i % 10 === 0 || i === rows.length - 1),
  });
}

export async function cohortFigure(plotter: Plotter, input: ReportInput): Promise<Markup | null> {
  const rows = (input.metafusion?.cohorts ?? []).flatMap(({ name, fineTune, fused }) => [
    { cohort: name, model: 'fine-tuned', ...(fineTune ?? { value: null, low: null, high: null }) },
    { cohort: name, model: 'fused', ...(fused ?? { value: null, low: null, high: null }) },
  ]);
  if (rows.length === 0) return null;
  const y = { field: 'cohort', type: 'nominal', sort: null, title: null };
  const yOffset = { field: 'model', sort: null };
  const color = { field: 'model', type: 'nominal', sort: null };
  const title = 'gain in GAUC over the meta model';
  return await plotter.figure({
    title: 'MetaFusion by cohort',
    description: `${title[0]!.toUpperCase()}${title.slice(1)} on the test day, with 95 % intervals.`,
    spec: {
      width: PLOT_WIDTH - 70,
      height: { step: 18 },
      data: { values: rows },
      layer: [
        {
          data: { values: [{ at: 0 }] },
          mark: { type: 'rule', color: '#9aa7b1', strokeDash: [4, 3] },
          encoding: { x: { field: 'at', type: 'quantitative' } },
        },
        {
          mark: { type: 'rule', strokeWidth: 2.5 },
          encoding: {
            y,
            yOffset,
            color,
            x: { field: 'low', type: 'quantitative', title },
            x2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 60, opacity: 1 },
          encoding: { y, yOffset, color, x: { field: 'value', type: 'quantitative' } },
        },
      ],
    },
    columns: [
      { head: 'Cohort', cell: ({ cohort }) => cohort },
      { head: 'Model', cell: ({ model }) => model },
      { head: 'ΔGAUC [95 % interval]', cell: (row) => interval(row), numeric: true },
    ],
    rows,
  });
}
