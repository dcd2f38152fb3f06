/** The uplift model trained in one world under several seeds: what its choice of decisions is truly worth. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { loadWeights, readDescription } from '../../models/engine/checkpoint.ts';
import { Dataset } from '../../models/engine/dataset.ts';
import { eagerScorer } from '../../models/engine/scorer.ts';
import { bootstrapUsers, type Estimate, ratioOverUsers } from '../../models/metrics/bootstrap.ts';
import { qiniBootstrap } from '../../models/metrics/qini-bootstrap.ts';
import { upliftConfig, upliftModel } from '../../models/uplift/model.ts';
import { readDecisionRows, scoreDecisions } from '../../models/uplift/score.ts';
import { trainUplift } from '../../models/uplift/train.ts';
import { type PlayedWorld, playedWorld } from './fresh-world.ts';
import { trueUplifts } from './replay.ts';
import { otherWorld, testDecisions } from './test-day.ts';
import { trainedReranker } from './train-rerankers.ts';

/** Shares of decisions that may be treated. */
export const BUDGETS = [0.1, 0.3] as const;

export interface UpliftWorldOptions {
  seeds: readonly number[];
  users: number;
  /** Simulated futures per arm and estimate of a decision's true uplift. */
  rollouts: number;
  workDir: string;
  say(line: string): void;
}

/** Decisions of the test days of all seeds, row by row. */
interface Decisions {
  /** Number of the user; those of another seed are others. */
  user: number[];
  seed: number[];
  /** What the log tells. */
  arm: number[];
  propensity: number[];
  ordered: number[];
  score: number[];
  /** Two estimates of the true uplift. */
  truth: [number, number][];
}

export interface BudgetReach {
  budget: number;
  /** More orders per decision, treated or not, when treating at random, by the model, at best. */
  random: number;
  model: number;
  oracle: number;
  /** (model − random) / (oracle − random); null where there is nothing to gain. */
  share: Estimate | null;
  /** Of more orders per decision by the model than at random. */
  gain: Estimate;
}

export interface UpliftWorld {
  decisions: number;
  /** As the pipeline tells it from the log: normalised Qini of the test days. */
  qini: Estimate;
  budgets: BudgetReach[];
}

export async function upliftIn(
  world: string,
  { seeds, users, rollouts, workDir, say }: UpliftWorldOptions,
): Promise<UpliftWorld> {
  const all: Decisions = {
    ...{ user: [], seed: [], arm: [], propensity: [], ordered: [], score: [], truth: [] },
  };
  for (const seed of seeds) {
    const played = await playedWorld({ world, seed, users }, join(workDir, `${world}-${seed}`));
    const checkpoint = await trainedUplift(played);
    await addDecisions(all, played, checkpoint, rollouts);
    say(`${world}, seed ${seed}: ${all.user.length} decisions so far`);
  }
  const { arm, propensity, ordered: outcome, score, user } = all;
  const rows = { arm, propensity, outcome };
  return {
    decisions: user.length,
    qini: qiniBootstrap(rows, { uplift: score }, { seed: 1, user }).scores.uplift!.qini,
    budgets: BUDGETS.map((budget) => budgetReach(all, budget)),
  };
}

/** As the pipeline trains it: over the tables of a reranker of the same days. */
async function trainedUplift(played: PlayedWorld): Promise<string> {
  const { tensorsDir, trainDates, validDate, workDir } = played;
  const tablesFrom = await trainedReranker(played, 'reranker');
  const stateDir = join(workDir, 'uplift', 'state');
  await mkdir(stateDir, { recursive: true });
  const outDir = join(workDir, 'uplift', 'checkpoint');
  await trainUplift({ tensorsDir, trainDates, validDate, stateDir, outDir, tablesFrom });
  return outDir;
}

async function addDecisions(
  all: Decisions,
  played: PlayedWorld,
  checkpoint: string,
  rollouts: number,
): Promise<void> {
  const { config } = await readDescription(checkpoint);
  const parsed = upliftConfig.parse(config);
  const weights = await loadWeights(checkpoint);
  const dataset = await Dataset.open(played.tensorsDir, 'decisions', [played.testDate]);
  try {
    const { uplift } = await scoreDecisions(
      eagerScorer(upliftModel(parsed), weights),
      dataset,
      1024,
    );
    const rows = await readDecisionRows(dataset, parsed.label);
    const ids = await testDecisions(played);
    const truths = trueUplifts(played.params, rollouts);
    rows.row.forEach((row, i) => {
      const truth = truths.get(ids[row]!);
      if (!truth) throw otherWorld(`decision ${ids[row]}`);
      all.user.push(played.seed * 2 ** 20 + rows.user[i]!);
      all.seed.push(played.seed);
      all.arm.push(rows.arm[i]!);
      all.propensity.push(rows.propensity[i]!);
      all.ordered.push(rows.outcome[i]!);
      all.score.push(uplift[row]!);
      all.truth.push(truth);
    });
  } finally {
    tf.dispose(weights);
    await dataset.close();
  }
}

/** The first `share` of the rows of each seed by a value, highest first. */
function chosen(all: Decisions, share: number, of: (row: number) => number): Set<number> {
  const picks = new Set<number>();
  for (const seed of new Set(all.seed)) {
    const rows = all.seed.flatMap((own, row) => (own === seed ? [row] : []));
    rows.sort((a, b) => of(b) - of(a) || a - b);
    for (const row of rows.slice(0, Math.floor(share * rows.length))) picks.add(row);
  }
  return picks;
}

function budgetReach(all: Decisions, budget: number): BudgetReach {
  const { truth, user } = all;
  const n = truth.length;
  const both = (row: number): number => (truth[row]![0] + truth[row]![1]) / 2;
  const byModel = chosen(all, budget, (row) => all.score[row]!);
  // Chosen by one estimate, where it is above 0, and counted by the other: never too much.
  const best = ([0, 1] as const).map((by) => chosen(all, budget, (row) => truth[row]![by]));
  const atBest = (row: number): number =>
    ([0, 1] as const).reduce<number>(
      (sum, by) => sum + (best[by]!.has(row) && truth[row]![by] > 0 ? truth[row]![1 - by]! / 2 : 0),
      0,
    );
  const ofModel = (row: number): number => (byModel.has(row) ? both(row) : 0);
  const atRandom = (row: number): number => budget * both(row);
  const users = new Map<number, number>();
  for (const id of user) if (!users.has(id)) users.set(id, users.size);
  const perUser = (of: (row: number) => number): Float64Array => {
    const sums = new Float64Array(users.size);
    user.forEach((id, row) => {
      sums[users.get(id)!]! += of(row);
    });
    return sums;
  };
  const gain = perUser((row) => ofModel(row) - atRandom(row));
  const reach = perUser((row) => atBest(row) - atRandom(row));
  const mean = (of: (row: number) => number): number =>
    truth.reduce((sum, _, row) => sum + of(row), 0) / n;
  const statistics = {
    share: ratioOverUsers(gain, reach),
    gain: ratioOverUsers(
      gain,
      perUser(() => 1),
    ),
  };
  const result = bootstrapUsers(users.size, statistics, { seed: 1 });
  const oracle = mean(atBest);
  return {
    budget,
    random: mean(atRandom),
    model: mean(ofModel),
    oracle,
    share: oracle > mean(atRandom) ? result.estimate('share') : null,
    gain: result.estimate('gain'),
  };
}
