/** Rerankers trained in one world under several seeds: GAUC on the test day, and shares of the oracle. */
import { join } from 'node:path';
import { Dataset } from '../../models/engine/dataset.ts';
import { labelledCandidates } from '../../models/engine/validation.ts';
import type { Estimate } from '../../models/metrics/bootstrap.ts';
import { evaluatePredictions, type Scorer } from '../../models/metrics/evaluate.ts';
import { shareOfOracle } from '../../simulator/oracle.ts';
import { playedWorld } from './fresh-world.ts';
import { sharesOfOracle, type ValuedSlate, valueSlates } from './slate-shares.ts';
import { trainAndScore } from './train-rerankers.ts';

export interface RerankerWorldOptions {
  seeds: readonly number[];
  users: number;
  /** Pages to value per seed, and as many moments if there are. */
  slates: number;
  /** Models to train; the first is compared with the others. */
  models: readonly string[];
  workDir: string;
  say(line: string): void;
}

export interface RerankerWorld {
  rows: number;
  /** GAUC per slate by model, and differences keyed `a − b`. */
  gauc: Record<string, Estimate>;
  kinds: Record<ValuedSlate['kind'], SlateShares>;
}

export interface SlateShares {
  slates: number;
  /** Mean expected clicks in the slots that count. */
  initial: number;
  oracle: number;
  /** By model, and differences keyed `a − b`. */
  shares: Record<string, Estimate>;
  bySeed: Record<string, (number | null)[]>;
}

/** One seed's test day: labelled candidates and every model's scores of them. */
interface TestDay {
  list: Float64Array;
  user: Int32Array;
  label: Uint8Array;
  scores: Record<string, Float64Array>;
}

export async function rerankersIn(
  world: string,
  { seeds, users, slates, models, workDir, say }: RerankerWorldOptions,
): Promise<RerankerWorld> {
  const days: TestDay[] = [];
  const valued: ValuedSlate[][] = [];
  for (const seed of seeds) {
    const played = await playedWorld({ world, seed, users }, join(workDir, `${world}-${seed}`));
    const scores: Record<string, Float32Array> = {};
    for (const name of models) {
      scores[name] = await trainAndScore(played, name);
      say(`${world}, seed ${seed}: ${name}`);
    }
    const dataset = await Dataset.open(played.tensorsDir, 'rerank', [played.testDate]);
    try {
      const { popularity } = await dataset.readColumns(['popularity']);
      scores.popularity = popularity!.data as Float32Array;
      const { labelled, cells } = await labelledCandidates(dataset);
      days.push({
        list: Float64Array.from(labelled.list),
        user: Int32Array.from(labelled.user),
        label: Uint8Array.from(labelled.label),
        scores: Object.fromEntries(
          Object.entries(scores).map(([name, all]) => [
            name,
            Float64Array.from(cells, (cell) => all[cell]!),
          ]),
        ),
      });
    } finally {
      await dataset.close();
    }
    valued.push(await valueSlates(played, scores, slates));
    say(`${world}, seed ${seed}: ${valued.at(-1)!.length} slates`);
  }
  const kinds = (['page', 'moment'] as const).map((kind) => [
    kind,
    slateShares(valued.map((part) => part.filter((slate) => slate.kind === kind))),
  ]);
  return { ...gaucOf(days, models), kinds: Object.fromEntries(kinds) };
}

const SEED = 1;

function slateShares(parts: readonly ValuedSlate[][]): SlateShares {
  const all = parts.flat();
  const mean = (of: (slate: ValuedSlate) => number, slates = all): number =>
    slates.reduce((sum, slate) => sum + of(slate), 0) / slates.length;
  const reach = (slates: readonly ValuedSlate[]) => ({
    initial: mean(({ initial }) => initial, [...slates]),
    oracle: mean(({ oracle }) => oracle, [...slates]),
  });
  const result = sharesOfOracle(parts, SEED);
  const names = Object.keys(all[0]?.models ?? {});
  const [first, ...others] = names as [string, ...string[]];
  return {
    slates: all.length,
    ...reach(all),
    shares: Object.fromEntries([
      ...names.map((name) => [name, result.estimate(name)]),
      ...others.map((name) => [`${first} − ${name}`, result.difference(first, name)]),
    ]),
    bySeed: Object.fromEntries(
      names.map((name) => [
        name,
        parts.map((part) =>
          shareOfOracle(
            mean(({ models }) => models[name]!, part),
            reach(part),
          ),
        ),
      ]),
    ),
  };
}

/** All seeds together; their users and slates are others. */
function gaucOf(
  days: readonly TestDay[],
  models: readonly string[],
): Pick<RerankerWorld, 'rows' | 'gauc'> {
  const numbered = (of: (day: TestDay) => ArrayLike<number>): Float64Array =>
    Float64Array.from(
      days.flatMap((day, d) => Array.from(of(day), (value) => d * 2 ** 50 + value)),
    );
  const joined = (of: (day: TestDay) => ArrayLike<number>): Float64Array =>
    Float64Array.from(days.flatMap((day) => Array.from(of(day))));
  const names = Object.keys(days[0]!.scores);
  const scorers = Object.fromEntries(
    names.map((name): [string, Scorer] => [
      name,
      { kind: 'score', scores: joined(({ scores }) => scores[name]!) },
    ]),
  );
  const first = models[0]!;
  const report = evaluatePredictions(
    {
      list: numbered(({ list }) => list),
      user: numbered(({ user }) => user),
      label: joined(({ label }) => label),
    },
    scorers,
    {
      seed: SEED,
      cutoffs: [],
      compare: names.filter((name) => name !== first).map((name) => [first, name]),
    },
  );
  const gauc = (of: Record<string, Record<string, Estimate>>) =>
    Object.entries(of).map(([name, metrics]) => [name, metrics.gauc!]);
  return {
    rows: report.rows,
    gauc: Object.fromEntries([...gauc(report.models), ...gauc(report.differences)]),
  };
}
