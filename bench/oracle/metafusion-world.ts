/** MetaFusion in one world: what fresher weights and cohorts gain on T + 2, and what the truth would. */
import { join } from 'node:path';
import { datesOf } from '../../models/engine/dataset.ts';
import { finishMetaFusion } from '../../models/metafusion/finish.ts';
import { metafusionPlan } from '../../models/metafusion/plan.ts';
import { ALL_USERS, planCohorts, trainMeta, tuneCohorts } from '../../models/metafusion/run.ts';
import type { Estimate } from '../../models/metrics/bootstrap.ts';
import { evaluatePredictions } from '../../models/metrics/evaluate.ts';
import type { WorldParams } from '../../simulator/params.ts';
import type { ExposureTruth } from '../../simulator/session-log.ts';
import { playedWorld, type WorldAndSeed } from './fresh-world.ts';
import { replay } from './replay.ts';

export interface MetaFusionGains {
  rows: number;
  users: number;
  /** GAUC per slate of the initial order, of W_m, and of the true click probability. */
  initial: number;
  meta: number;
  truth: number;
  /** ΔGAUC keyed `a − b`; `allUsers − meta` is a fresher day, `fineTuned − allUsers` the cohorts. */
  differences: Record<string, Estimate>;
}

/** @throws Error when the log is too short or has no cohort */
export async function metafusionIn(which: WorldAndSeed, workDir: string): Promise<MetaFusionGains> {
  const played = await playedWorld(which, join(workDir, `${which.world}-${which.seed}`));
  const { tensorsDir } = played;
  const plan = metafusionPlan(await datesOf(tensorsDir, 'rerank'));
  if (!plan.ok) throw new Error(plan.reason);
  const folder = (name: string): string => join(played.workDir, 'metafusion', name);
  const metaDir = folder('meta');
  const cohortsDir = folder('cohorts');
  const { trainDates, validDate, T, T1, T2 } = plan;
  const stateDir = folder('state');
  await trainMeta({ tensorsDir, trainDates, validDate, stateDir, outDir: metaDir });
  const { cohorts } = await planCohorts({ tensorsDir, T, outDir: cohortsDir });
  const names = [...cohorts.map(({ name }) => name), ALL_USERS];
  const deltas = folder('delta');
  await tuneCohorts({ tensorsDir, metaDir, cohortsDir, cohorts: names, outDir: deltas });
  const deltaDirs = Object.fromEntries(names.map((name) => [name, join(deltas, name)]));
  const { overall } = await finishMetaFusion({
    ...{ tensorsDir, metaDir, cohortsDir, deltaDirs, T1, T2, seed: 1, outDir: folder('final') },
  });
  if (!overall) throw new Error(`no cohort in ${which.world} under seed ${which.seed}`);
  const { rows, users, gauc, differences } = overall;
  return { rows, users, meta: gauc.meta.value, differences, ...reachOf(played.params) };
}

/** GAUC per page of the last day: the order as shown, and the true click probability. */
function reachOf(params: WorldParams): { initial: number; truth: number } {
  const shown: ExposureTruth[] = [];
  const users: string[] = [];
  let user = '';
  replay(params, 1, {
    event: ({ user_id }) => {
      user = user_id;
    },
    watch: (episode) => {
      user = episode.moment().userId;
    },
    exposureTruth: (truth) => {
      shown.push(truth);
      users.push(user);
    },
  });
  const numbers = (texts: readonly string[]): number[] => {
    const known = new Map<string, number>();
    return texts.map((text) => {
      if (!known.has(text)) known.set(text, known.size);
      return known.get(text)!;
    });
  };
  const { models } = evaluatePredictions(
    {
      list: numbers(shown.map(({ request_id }) => request_id)),
      user: numbers(users),
      label: shown.map(({ clicked }) => clicked),
    },
    {
      truth: { kind: 'score', scores: shown.map(({ click }) => click) },
      initial: { kind: 'score', scores: shown.map(({ position }) => -position) },
    },
    { seed: 1, replicates: 2, cutoffs: [] },
  );
  return { initial: models.initial!.gauc!.value, truth: models.truth!.gauc!.value };
}
