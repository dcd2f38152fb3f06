/**
 * The pipeline's folder on this machine (`.edgeloom` unless told):
 *   store/       artifacts and records          releases/   the release repository
 *   store-cache/ copies of what lies in a bucket, when EDGELOOM_STORE names one
 *   temporal/    database and logs of a server that we start       logs/   simulated logs
 *   keys/        secret keys for user ids, 0600                    stage-logs/   output of stage processes
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../activities/runtime/stage.ts';
import type { DatasetDescription } from '../data/contracts/dataset.ts';
import { openStore } from '../infra/store/index.ts';
import type { Store } from '../lib/artifact.ts';
import { EdgeloomError } from '../lib/errors.ts';

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..');

export interface Workspace {
  root: string;
  store: Store;
  releaseDir: string;
  machine: Machine;
}

export const workspacePath = (given?: string): string =>
  resolve(given ?? process.env.EDGELOOM_WORKSPACE ?? '.edgeloom');

/** `--store` is passed on to workers and stage processes in EDGELOOM_STORE. */
export async function openWorkspace(root: string): Promise<Workspace> {
  const releaseDir = join(root, 'releases');
  const userKey = async (id: string): Promise<Uint8Array> => readUserKey(root, id);
  return {
    root,
    store: await openStore({ workspace: root, url: process.env.EDGELOOM_STORE }),
    releaseDir,
    machine: { workspace: root, releaseDir, userKey },
  };
}

// Simulated users have no privacy to protect, and a key that everyone knows makes runs comparable.
const SIMULATED_KEY = createHash('sha256').update('edgeloom simulated users').digest();
const SIMULATED_KEY_ID = 'simulated';

const keyPath = (root: string, id: string): string => join(root, 'keys', `${id}.key`);

async function readUserKey(root: string, id: string): Promise<Uint8Array> {
  if (id === SIMULATED_KEY_ID) return SIMULATED_KEY;
  if (!/^[0-9a-f]{16}$/.test(id)) {
    throw new EdgeloomError({
      code: 'bad-key-id',
      what: 'A user key id has 16 hex digits',
      where: id,
    });
  }
  try {
    return Buffer.from((await readFile(keyPath(root, id), 'utf8')).trim(), 'hex');
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'user-key-missing',
        what: 'The secret key that user ids are hashed with is not on this machine',
        where: keyPath(root, id),
        fix: 'copy the file from the machine that started the pipeline; a new key would break with all earlier days',
      },
      { cause: error },
    );
  }
}

/** The id of the workspace's key, which is a hash of the key, not the key; undefined before the first use. */
export async function findUserKeyId(
  root: string,
  dataset: DatasetDescription,
): Promise<string | undefined> {
  if (dataset.kind === 'simulated') return SIMULATED_KEY_ID;
  try {
    return (await readFile(join(root, 'keys', 'current'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Like `findUserKeyId`, but makes the key on first use and says so. */
export async function userKeyId(
  root: string,
  dataset: DatasetDescription,
  say: (line: string) => void,
): Promise<string> {
  const found = await findUserKeyId(root, dataset);
  if (found) return found;
  const idFile = join(root, 'keys', 'current');
  const key = randomBytes(32);
  const id = createHash('sha256').update(key).digest('hex').slice(0, 16);
  await mkdir(join(root, 'keys'), { recursive: true, mode: 0o700 });
  await writeOnce(keyPath(root, id), key.toString('hex'));
  const won = await writeOnce(idFile, id);
  if (!won) return userKeyId(root, dataset, say);
  say(`A secret key for user ids was made: ${keyPath(root, id)} (keep it with the data)`);
  return id;
}

/** Creates a file readable by its owner only; false when it exists already. */
async function writeOnce(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(`${text}\n`);
    await file.sync();
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
