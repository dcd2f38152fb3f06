/** A frozen world under a seed of its own: logs, samples and tensors, through the pipeline's own functions. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { datesOf } from '../../models/engine/dataset.ts';
import { changeWorld, type WorldParams } from '../../simulator/params.ts';
import { simulate } from '../../simulator/simulate.ts';
import { originOf, readWorld } from '../../simulator/worlds.ts';
import { splitDates, type TensorDates, tensorsFromLogs } from '../tensors-from-logs.ts';

/** Seeds that nothing in this repository was made, tuned or tested with before results were taken. */
export const FRESH_SEEDS = [50261, 50262, 50263] as const;

export interface WorldAndSeed {
  /** Name of a frozen world. */
  world: string;
  seed: number;
  users: number;
  /** Days, when not those of the world. */
  days?: number;
}

export interface PlayedWorld extends WorldAndSeed, TensorDates {
  params: WorldParams;
  workDir: string;
  samplesDir: string;
  tensorsDir: string;
}

/** Plays the world, or takes what an interrupted run has left in `workDir`. */
export async function playedWorld(which: WorldAndSeed, workDir: string): Promise<PlayedWorld> {
  const { world, seed, users, days } = which;
  const frozen = readWorld(world);
  const change = { seed, users: { count: users }, ...(days && { days }) };
  const params = changeWorld(frozen.params, change);
  const logs = join(workDir, 'logs');
  if (!existsSync(logs)) {
    await simulate({ params, origin: originOf(frozen, params), out: logs, truth: null });
  }
  const tensorsDir = await tensorsFromLogs(logs, workDir);
  const dates = splitDates(await datesOf(tensorsDir, 'rerank'));
  return { ...which, ...dates, params, workDir, samplesDir: join(workDir, 'samples'), tensorsDir };
}
