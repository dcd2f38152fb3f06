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
const measuredSchema = z.record(z.string(), fileSchema);

/** What was measured of each file, by `<ours|theirs>.<form>.<profile>`. */
type Files = Record<string, Measured>;

const readMeasured = async (folder: string): Promise<Files> =>
  measuredSchema.parse(JSON.parse(await readFile(join(folder, 'measured.json'), 'utf8')));

/** The forms of theirs in a profile. */
const theirsOf = (files: Files, profile: string): [string, Measured][] =>
  Object.entries(files).filter(([name]) => name.startsWith('theirs') && name.endsWith(profile));

const least = <T>(items: T[], of: (item: T) => number): T =>
  items.reduce((best, item) => (of(item) < of(best) ? item : best));

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

/** Ours against the file of theirs that is best at the figure in hand. */
function sizeAndSpeed(
  title: string,
  ours: Measured,
  theirs: [string, Measured][],
  about: Pick<BenchLine, 'data' | 'n'>,
): BenchLine[] {
  const [smallName, small] = least(theirs, ([, { bytes }]) => bytes);
  const [fastName, fast] = least(theirs, ([, { cpuUs }]) => median(cpuUs));
  return [
    {
      figure: `${title}: bytes, ours over theirs`,
      value: rounded(ours.bytes / small.bytes),
      ...{ target: '≤ 1.0', ...about },
      peer: { ours: ours.bytes, theirs: small.bytes, file: smallName },
    },
    {
      // One thread: the CPU time is the latency of a machine that does nothing else.
      figure: `${title}: latency (CPU time), ours over theirs`,
      value: rounded(medianRatio(ours.cpuUs, fast.cpuUs)),
      ...{ target: '≤ 1.0', ...about },
      peer: {
        oursUs: rounded(median(ours.cpuUs)),
        theirsUs: rounded(median(fast.cpuUs)),
        file: fastName,
      },
      extra: {
        ratioOfFastTenths: rounded(quantile(ours.cpuUs, 0.1) / quantile(fast.cpuUs, 0.1)),
        wallRatio: rounded(medianRatio(ours.wallUs, fast.wallUs)),
      },
    },
  ];
}

export async function figuresOf(
  folder: string,
  { entry, data, held }: Subject,
): Promise<BenchLine[]> {
  const files = await readMeasured(folder);
  const about = { data, n: held.length };
  const float = flat(files['ours.unrolled.float32']!);
  const farthest = theirsOf(files, 'float32').map(([, file]) =>
    largestDifference(float, flat(file)),
  );
  const agreement: BenchLine = {
    figure: `${entry.name}: largest difference of our float32 file from theirs`,
    value: rounded(Math.max(...farthest)),
    ...{ target: '≤ 1e-4', ...about },
  };
  // Loops are compared with loops: they are smaller and slower, whoever writes them.
  const isLoop = (name: string): boolean => name.includes('.loop.');
  const sized = Object.entries(files)
    .filter(([name]) => name.startsWith('ours'))
    .flatMap(([name, ours]) => {
      const [, form, profile] = name.split('.') as [string, string, string];
      const peers = theirsOf(files, profile).filter(([peer]) => isLoop(peer) === isLoop(name));
      return sizeAndSpeed(`${entry.name} ${profile}, ${form}`, ours, peers, about);
    });
  const losses = theirsOf(files, 'int8').map(
    ([name, file]) => [name, relativeRms(float, flat(file))] as const,
  );
  const [bestName, best] = least(losses, ([, loss]) => loss);
  const loss: BenchLine = {
    figure: `${entry.name} int8: relative RMS from float32`,
    value: rounded(relativeRms(float, flat(files['ours.unrolled.int8']!))),
    ...{ target: '≤ theirs', ...about },
    peer: { theirs: rounded(best), file: bestName },
    extra: Object.fromEntries(losses.map(([name, value]) => [name, rounded(value)])),
  };
  return [agreement, ...sized, loss];
}

/** What int8 costs in order: the scorer's files on held-out slates. */
export async function orderFigures(
  folder: string,
  { data }: Subject,
  slates: Slate[],
): Promise<BenchLine[]> {
  const files = await readMeasured(folder);
  const scores = (file: Measured): number[][] => file.outputs.scores!;
  const float = scores(files['ours.unrolled.float32']!);
  const ours = scores(files['ours.unrolled.int8']!);
  const about = { target: '≥ theirs', data, n: slates.length };
  const theirs = (measure: (other: number[][]) => number): Record<string, number> =>
    Object.fromEntries(
      theirsOf(files, 'int8').map(([name, file]) => [name, rounded(measure(scores(file)))]),
    );
  const loss = (other: number[][]): number => slateGauc(slates, other) - slateGauc(slates, float);
  const agreement = (other: number[][]): number => pairAgreement(slates, float, other);
  return [
    {
      figure: 'rerank int8: GAUC per slate, minus that of float32',
      value: rounded(loss(ours)),
      ...{ peer: theirs(loss), ...about, extra: { float32: rounded(slateGauc(slates, float)) } },
    },
    {
      figure: 'rerank int8: pairs of candidates ordered as by float32',
      value: rounded(agreement(ours)),
      ...{ peer: theirs(agreement), ...about },
    },
  ];
}
