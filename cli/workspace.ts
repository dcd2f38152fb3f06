/**
 * The pipeline's folder on this machine (`.edgeloom` unless told):
 *   store/       artifacts and records          releases/   the release repository
 *   store-cache/ copies of what lies in a bucket, when EDGELOOM_STORE names one
 *   temporal/    database and logs of a server that we start       logs/   simulated logs
 *   keys/        secret keys for user ids, 0600                    stage-logs/   output of stage processes
 *   audit/       what was erased, re-keyed and dropped
 */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KeyRing } from '../activities/privacy/types.ts';
import type { Machine } from '../activities/runtime/stage.ts';
import { openStore } from '../infra/store/index.ts';
import type { StoreUpkeep } from '../lib/artifact.ts';
import { openKeyRing } from './key-ring.ts';
import { stageMemoryMb } from './stage-memory.ts';

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..');

export interface Workspace {
  root: string;
  store: StoreUpkeep;
  keys: KeyRing;
  releaseDir: string;
  machine: Machine;
}

export const workspacePath = (given?: string): string =>
  resolve(given ?? process.env.EDGELOOM_WORKSPACE ?? '.edgeloom');

/** `--store` is passed on to workers and stage processes in EDGELOOM_STORE. */
export async function openWorkspace(root: string): Promise<Workspace> {
  const releaseDir = join(root, 'releases');
  const keys = openKeyRing(root);
  const memoryLimitMb = stageMemoryMb();
  return {
    root,
    store: await openStore({ workspace: root, url: process.env.EDGELOOM_STORE }),
    releaseDir,
    keys,
    machine: {
      workspace: root,
      releaseDir,
      ...(memoryLimitMb === undefined ? {} : { memoryLimitMb }),
      userKey: (id) => keys.secret(id),
      erasedUsers: (id) => keys.erased(id),
    },
  };
}
