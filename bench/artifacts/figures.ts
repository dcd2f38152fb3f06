/** What was measured, as figures: ours over theirs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Slate } from '../../export/models/slates.ts';
import { gauc } from '../../models/metrics/auc.ts';
import type { BenchLine } from '../types.ts';
import type { Subject } from './write.ts';

const fileSchema = z.object({
  bytes: z.int(),
  /** By output, a row of numbers for each held row. */
  outputs: z.record(z.string(), z.array(z.array(z.number()))),
  /** Microseconds of a call, in each block of calls. */
  wallUs: z.array(z.number()),
  cpuUs: z.array(z.number()),
});
type Measured = z.infer<typeof fileSchema>;
const measuredSchema = z.object({
  'ours.float32': fileSchema,
  'theirs.float32': fileSchema,
  'ours.int8': fileSchema,
  'theirs.int8': fileSchema,
});

export const readMeasured = async (folder: string): Promise<z.infer<typeof measuredSchema>> =>
  measuredSchema.parse(JSON.parse(await readFile(join(folder, 'measured.json'), 'utf8')));

function quantile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)]!;
}

const median = (values: number[]): number => quantile(values, 0.5);

/** Median of the ratios of neighbouring blocks: what slows the machine down meets both. */
const medianRatio = (ours: number[], theirs: number[]): number =>
  median(ours.map((time, block) => time / theirs[block]!));

const rounded = (x: number): number => Number(x.toPrecision(4));

/** All outputs of all rows, by name, so that both files have one order. */
const flat = ({ outputs }: Measured): number[] =>
  Object.keys(outputs)
    .sort()
    .flatMap((name) => outputs[name]!.flat());

function relativeRms(wanted: number[], got: number[]): number {
  const square = (x: number): number => x * x;
  const error = wanted.reduce((sum, x, i) => sum + square(x - got[i]!), 0);
  return Math.sqrt(error / wanted.reduce((sum, x) => sum + square(x), 0));
}

const largestDifference = (a: number[], b: number[]): number =>
  a.reduce((largest, x, i) => Math.max(largest, Math.abs(x - b[i]!)), 0);

/** GAUC per slate of the exposed candidates. */
function slateGauc(slates: Slate[], scores: number[][]): number {
  const rows = slates.flatMap(({ labelMask, clicked }, slate) =>
    [...labelMask.keys()]
      .filter((i) => labelMask[i] === 1)
      .map((i) => ({ slate, label: clicked[i]!, score: scores[slate]![i]! })),
  );
  const list = rows.map(({ slate }) => slate);
  const label = rows.map(({ label }) => label);
  const prepared = {
    list: Int32Array.from(list),
    user: Int32Array.from(list),
    label: Float32Array.from(label),
    users: slates.length,
  };
  return gauc(
    rows.map(({ score }) => score),
    prepared,
  );
}

/** Share of the pairs of real candidates of a slate that both put in one order. */
function pairAgreement(slates: Slate[], a: number[][], b: number[][]): number {
  let [same, pairs] = [0, 0];
  slates.forEach(({ inputs }, s) => {
    const real = [...(inputs.cand_mask as Float32Array).keys()].filter(
      (i) => inputs.cand_mask![i] === 1,
    );
    for (const i of real) {
      for (const j of real) {
        if (i >= j) continue;
        pairs++;
        if (a[s]![i]! > a[s]![j]! === b[s]![i]! > b[s]![j]!) same++;
      }
    }
  });
  return same / pairs;
}

export async function figuresOf(
  folder: string,
  { entry, data, held }: Subject,
): Promise<BenchLine[]> {
  const measured = await readMeasured(folder);
  const [float, theirFloat] = [measured['ours.float32'], measured['theirs.float32']];
  const n = held.length;
  const agreement: BenchLine = {
    figure: `${entry.name}: largest difference of the two float32 files`,
    value: rounded(largestDifference(flat(float), flat(theirFloat))),
    ...{ target: '≤ 1e-4', data, n },
  };
  const ratios = (['float32', 'int8'] as const).flatMap((profile) => {
    const [ours, theirs] = [measured[`ours.${profile}`], measured[`theirs.${profile}`]];
    const about = { target: '≤ 1.0', data, n };
    const named = (figure: string): string =>
      `${entry.name} ${profile}: ${figure}, ours over theirs`;
    return [
      {
        ...{ figure: named('bytes'), value: rounded(ours.bytes / theirs.bytes), ...about },
        peer: { ours: ours.bytes, theirs: theirs.bytes },
      },
      {
        // One thread: the CPU time is the latency of a machine that does nothing else.
        ...{ figure: named('latency (CPU time)') },
        ...{ value: rounded(medianRatio(ours.cpuUs, theirs.cpuUs)), ...about },
        peer: { oursUs: rounded(median(ours.cpuUs)), theirsUs: rounded(median(theirs.cpuUs)) },
        extra: {
          ratioOfFastTenths: rounded(quantile(ours.cpuUs, 0.1) / quantile(theirs.cpuUs, 0.1)),
          wallRatio: rounded(medianRatio(ours.wallUs, theirs.wallUs)),
          wallUs: { ours: rounded(median(ours.wallUs)), theirs: rounded(median(theirs.wallUs)) },
        },
      },
    ];
  });
  const [ours, theirs] = [measured['ours.int8'], measured['theirs.int8']].map((file) =>
    relativeRms(flat(float), flat(file)),
  ) as [number, number];
  const loss: BenchLine = {
    figure: `${entry.name} int8: relative RMS from float32`,
    value: rounded(ours),
    ...{ target: `≤ theirs`, peer: rounded(theirs), data, n },
  };
  return [agreement, ...ratios, loss];
}

/** What int8 costs in order: the scorer's files on held-out slates. */
export async function orderFigures(
  folder: string,
  { data }: Subject,
  slates: Slate[],
): Promise<BenchLine[]> {
  const measured = await readMeasured(folder);
  const scores = (file: keyof typeof measured): number[][] => measured[file].outputs.scores!;
  const float = scores('ours.float32');
  const [ours, theirs] = [scores('ours.int8'), scores('theirs.int8')];
  const n = slates.length;
  return [
    {
      figure: 'rerank int8: GAUC per slate, minus that of float32',
      value: rounded(slateGauc(slates, ours) - slateGauc(slates, float)),
      peer: rounded(slateGauc(slates, theirs) - slateGauc(slates, float)),
      ...{ target: '≥ theirs', data, n, extra: { float32: rounded(slateGauc(slates, float)) } },
    },
    {
      figure: 'rerank int8: pairs of candidates ordered as by float32',
      value: rounded(pairAgreement(slates, float, ours)),
      peer: rounded(pairAgreement(slates, float, theirs)),
      ...{ target: '≥ theirs', data, n },
    },
  ];
}
