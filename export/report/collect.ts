/** Gathers what the stages wrote into the input of the report and the card. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../bundle/manifest.ts';
import { readCalibration } from './calibration.ts';
import type { EstimateLike, Evaluation, ReportInput } from './input.ts';

/** Folders of finished stages; those of skipped branches are absent. */
export interface StageFolders {
  lake: string;
  samples: string;
  /** Of `check-data`. */
  quality?: string | undefined;
  /** Training name → checkpoint. */
  checkpoints: Record<string, string>;
  rerankerMetrics: string;
  upliftMetrics?: string | undefined;
  metafusion?: string | undefined;
  /** Model → export folder with `parity.json`. */
  exports: Record<string, string>;
}

async function read<T>(...path: string[]): Promise<T> {
  return JSON.parse(await readFile(join(...path), 'utf8')) as T;
}

export type Collected = Omit<ReportInput, 'date' | 'manifest'>;

/** `<model>/config.json` of an export, as far as it is shown. */
interface PhoneConfig {
  entries: Collected['entries'][string];
  /** Of a model that decides by a threshold. */
  rule?: Collected['upliftRule'];
}

/** `metrics.json` of `evaluate-reranker`, as far as it is shown. */
interface RerankerFile {
  testDate: string;
  overall: Evaluation;
  byScene: Record<string, Evaluation>;
}

/** `metrics.json` of `fuse`, as far as it is shown. */
interface MetaFusionFile {
  T2: string;
  cohorts: {
    cohort: string;
    interval: [number, number];
    members: number;
    differences: Record<string, EstimateLike>;
  }[];
}

function rerankerSection({
  testDate,
  overall,
  byScene,
}: RerankerFile): NonNullable<Collected['reranker']> {
  return { ...overall, testDate, byScene };
}

function metafusionSection({ T2, cohorts }: MetaFusionFile): Collected['metafusion'] {
  return {
    testDate: T2,
    cohorts: cohorts.map(({ cohort, interval, members, differences }) => ({
      name: cohort,
      low: interval[0],
      high: interval[1],
      users: members,
      fineTune: differences['fineTuned − meta'] ?? null,
      fused: differences['fused − meta'] ?? null,
    })),
  };
}

/** @throws when a stage's file is missing or is not JSON: an artifact is whole or it is not there */
export async function collectReport(folders: StageFolders): Promise<Collected> {
  const trainings: Collected['trainings'] = {};
  for (const [name, folder] of Object.entries(folders.checkpoints)) {
    trainings[name] = await read(folder, 'history.json');
  }
  const parity: Collected['parity'] = {};
  const entries: Collected['entries'] = {};
  let upliftRule: Collected['upliftRule'];
  for (const [model, folder] of Object.entries(folders.exports)) {
    parity[model] = await read(folder, 'parity.json');
    const config = await read<PhoneConfig>(folder, model, 'config.json');
    entries[model] = config.entries;
    upliftRule ??= config.rule;
  }
  const metrics = await read<RerankerFile>(folders.rerankerMetrics, 'metrics.json');
  const calibration = await readCalibration(
    join(folders.rerankerMetrics, 'predictions.safetensors'),
    Object.keys(folders.checkpoints),
  );
  return {
    account: await read(folders.lake, 'account.json'),
    samples: await read(folders.samples, 'summary.json'),
    ...(folders.quality
      ? { quality: await read<Collected['quality']>(folders.quality, 'quality.json') }
      : {}),
    trainings,
    reranker: { ...rerankerSection(metrics), calibration },
    ...(folders.upliftMetrics
      ? { uplift: await read<Collected['uplift']>(folders.upliftMetrics, 'metrics.json') }
      : {}),
    ...(folders.metafusion
      ? { metafusion: metafusionSection(await read(folders.metafusion, 'metrics.json')) }
      : {}),
    ...(upliftRule ? { upliftRule } : {}),
    parity,
    entries,
  };
}

/** The part of the metrics that travels in the manifest: values with intervals, no curves. */
export function manifestMetrics({
  reranker,
  uplift,
  upliftRule,
  metafusion,
}: Collected): Manifest['metrics'] {
  return {
    ...(reranker
      ? {
          reranker: {
            testDate: reranker.testDate ?? null,
            rows: reranker.rows,
            models: reranker.models,
            differences: reranker.differences,
          },
        }
      : {}),
    ...(uplift
      ? {
          uplift: {
            testDate: uplift.testDate ?? null,
            rows: uplift.rows,
            scores: Object.fromEntries(
              Object.entries(uplift.scores).map(([name, { qini }]) => [name, { qini }]),
            ),
            differences: uplift.differences,
            ...(upliftRule ? { rule: upliftRule } : {}),
          },
        }
      : {}),
    ...(metafusion ? { metafusion } : {}),
  } as Manifest['metrics'];
}
