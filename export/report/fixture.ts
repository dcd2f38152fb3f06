/** A report with every section filled, with made-up numbers. */
import { META } from '../bundle/fixture.ts';
import { contentHashOf, type Manifest } from '../bundle/manifest.ts';
import type { ReportInput } from './input.ts';

const about = (value: number, half = 0.012) => ({ value, low: value - half, high: value + half });
const metrics = (gauc: number) => ({
  gauc: about(gauc),
  auc: about(gauc + 0.03),
  'ndcg@10': about(gauc - 0.1),
  logLoss: about(0.31, 0.004),
  ece: about(0.011, 0.003),
});

const hash = (digit: string): string => digit.repeat(64);
const FILES: Manifest['files'] = [
  { path: 'features.json', sha256: hash('a'), bytes: 18211, role: 'features' },
  {
    path: 'reranker/rerank.int8.tflite',
    sha256: hash('b'),
    bytes: 81920,
    role: 'model',
    model: 'reranker',
    entry: 'rerank',
    format: 'tflite',
    profile: 'int8',
  },
  {
    path: 'reranker/rerank.onnx',
    sha256: hash('c'),
    bytes: 196608,
    role: 'model',
    model: 'reranker',
    entry: 'rerank',
    format: 'onnx',
    profile: 'float32',
  },
  {
    path: 'golden/reranker.rerank.json',
    sha256: hash('d'),
    bytes: 402000,
    role: 'golden',
    model: 'reranker',
    entry: 'rerank',
  },
  { path: 'embeddings/index.json', sha256: hash('e'), bytes: 2400, role: 'embeddings' },
];

export const MANIFEST: Manifest = {
  format: 'edgeloom-bundle',
  formatVersion: 1,
  releaseId: '2022-04-30-0123456789ab',
  contentHash: contentHashOf(FILES),
  featureVersion: hash('a'),
  minimumRuntimes: { tflite: '2.3.0', onnxOpset: 17 },
  models: {
    reranker: {
      version: 'reranker-0123456789ab',
      entries: ['encodeExposureStep', 'encodePageViewStep', 'rerank'],
      chosenProfile: 'int8',
      reasons: ['int8 ships: it loses 0.00031 AUC on 21440 rows; a loss of 0.001 is allowed.'],
    },
  },
  lineage: META.lineage,
  metrics: {},
  skipped: [],
  dataset: {
    name: 'simulated-week',
    simulated: true,
    description: 'A simulated world of 600 users and 5,000 items; no real person is in it.',
  },
  gates: [
    { name: 'reranker beats popularity', passed: true, detail: 'GAUC +0.0612, above 0.' },
    { name: 'parity', passed: true, detail: 'All 9 files keep their bound on 500 rows.' },
  ],
  files: FILES,
};

export const FULL_REPORT: ReportInput = {
  date: '2022-04-30',
  manifest: MANIFEST,
  account: {
    rowsIn: 252_310,
    stored: 250_004,
    rejected: 306,
    duplicates: 2000,
    byDate: {
      '2022-04-27': 61_204,
      '2022-04-28': 66_010,
      '2022-04-29': 59_333,
      '2022-04-30': 63_457,
    },
    rejectsByReason: { 'not-json': 120, schema: 186 },
  },
  samples: {
    slates: 10_432,
    exposures: 71_110,
    clicks: 8_870,
    decisions: 15_200,
    randomisedDecisions: 15_200,
  },
  quality: {
    day: '2022-04-30',
    reference: ['2022-04-27', '2022-04-28', '2022-04-29'],
    checks: [
      {
        check: 'grain/exposure/event_id',
        table: 'exposure',
        column: 'event_id',
        severity: 'stop',
        passed: true,
        value: 0,
        bound: 0,
        message: '',
      },
      {
        check: 'psi/samples.rerank/scene',
        table: 'samples.rerank',
        column: 'scene',
        severity: 'warn',
        passed: false,
        value: 0.1612,
        bound: 0.1,
        message: 'scene of samples.rerank has drifted. Rows: e017 (2022-04-30).',
        numbers: { psi: 0.1612, js: 0.0289 },
      },
      {
        check: 'volume/play',
        table: 'play',
        column: null,
        severity: 'warn',
        passed: true,
        value: 0.2,
        bound: 0.5,
        message: '',
        unjudged: 'plays are sampled since April',
      },
      {
        check: 'volume/feedback',
        table: 'feedback',
        column: null,
        severity: 'warn',
        passed: true,
        value: null,
        bound: null,
        message: '',
        unjudged: 'the reference has none',
      },
    ],
    volumes: [
      { date: '2022-04-29', byType: { request: 9_001, exposure: 51_007 }, users: 577 },
      { date: '2022-04-30', byType: { request: 9_411, exposure: 53_332 }, users: 586 },
    ],
  },
  trainings: {
    reranker: [0.35, 0.322, 0.314, 0.309].map((loss, epoch) => ({
      epoch,
      loss,
      valid: {
        gauc: 0.58 + 0.03 * Math.min(epoch, 2) - (epoch === 3 ? 0.006 : 0),
        logLoss: 0.33 - 0.005 * epoch,
      },
      best: epoch < 3,
    })),
  },
  reranker: {
    testDate: '2022-04-30',
    rows: 21_440,
    users: 586,
    slates: { count: 3011, rankedShare: 0.71, rankedRowShare: 0.83 },
    models: {
      reranker: metrics(0.664),
      dnn: metrics(0.628),
      popularity: { gauc: about(0.603), auc: about(0.61) },
    },
    differences: {
      'reranker − dnn': { gauc: about(0.036, 0.009) },
      'reranker − popularity': { gauc: about(0.061, 0.01) },
    },
    byScene: {
      feed: {
        rows: 15_000,
        users: 500,
        models: { reranker: metrics(0.67), dnn: metrics(0.63) },
        differences: {},
      },
    },
    calibration: {
      reranker: [0.02, 0.06, 0.1, 0.16, 0.28].map((p, i) => ({
        predicted: p,
        observed: p * (0.9 + 0.05 * i),
        rows: 4288,
      })),
      dnn: [0.03, 0.06, 0.09, 0.14, 0.2].map((p) => ({
        predicted: p,
        observed: p * 1.1,
        rows: 4288,
      })),
    },
  },
  uplift: {
    testDate: '2022-04-30',
    rows: 5_120,
    ate: about(0.012, 0.004),
    scores: {
      uplift: { qini: about(0.11, 0.06) },
      greedy: { qini: about(0.05, 0.06) },
      random: { qini: about(0.001, 0.05) },
    },
    differences: {
      'uplift − random': about(0.1, 0.07),
      'uplift − greedy': about(0.06, 0.05),
    },
    curve: Array.from(
      { length: 101 },
      (_, i) => [i / 100, 0.012 * Math.sqrt(i / 100)] as [number, number],
    ),
    threshold: { threshold: 0.213, budget: 0.2 },
    budget: { asked: 0.2, used: 0.19 },
  },
  upliftRule: { threshold: 0.5163, budget: 0.2, used: 0.1999, rows: 4000 },
  metafusion: {
    testDate: '2022-04-30',
    cohorts: [0, 1, 2, 3].map((i) => ({
      name: `cohort-${i}`,
      users: 120 + i,
      fineTune: about(0.002 * i - 0.001, 0.004),
      fused: about(0.003 * i + 0.001, 0.004),
    })),
  },
  entries: {
    reranker: {
      rerank: {
        inputs: { cand_vec: { dtype: 'float32', shape: [1, 50, 40] } },
        outputs: { scores: { dtype: 'float32', shape: [1, 50] } },
      },
    },
  },
  parity: {
    reranker: {
      tolerances: { float32MaxAbs: 1e-4, int8RelativeRms: 0.1 },
      files: [
        {
          path: 'reranker/rerank.int8.tflite',
          entry: 'rerank',
          runtime: 'LiteRT',
          profile: 'int8',
          rows: 500,
          maxAbs: 0.21,
          relativeRms: 0.031,
          bound: 'relative RMS ≤ 0.1',
          passed: true,
        },
        {
          path: 'reranker/rerank.onnx',
          entry: 'rerank',
          runtime: 'ONNX Runtime',
          profile: 'float32',
          rows: 500,
          maxAbs: 1.1e-6,
          relativeRms: 4e-7,
          bound: 'largest difference ≤ 0.0001',
          passed: true,
        },
      ],
    },
  },
};
