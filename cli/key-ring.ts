/**
 * Secrets of user keys, as files of the workspace, their owner's only:
 *
 *   keys/<id>.key      hexadecimal; id = first 16 digits of the SHA-256 of its bytes
 *   keys/<id>.erased   users erased under it, sealed with it
 *   keys/current       id of the one that new logs are hashed with
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type KeyRing, SIMULATED_KEY_ID } from '../activities/privacy/types.ts';
import type { DatasetDescription } from '../data/contracts/dataset.ts';
import { openErasedUsers, sealErasedUsers } from '../data/privacy/erased-users.ts';
import { EdgeloomError } from '../lib/errors.ts';

const SIMULATED_KEY = createHash('sha256').update('edgeloom simulated users').digest();

const keyPath = (root: string, id: string): string => join(root, 'keys', `${id}.key`);
const erasedPath = (root: string, id: string): string => join(root, 'keys', `${id}.erased`);
const currentPath = (root: string): string => join(root, 'keys', 'current');
const idOf = (secret: Uint8Array): string =>
  createHash('sha256').update(secret).digest('hex').slice(0, 16);

async function textIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
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

/** Replaces such a file whole. */
async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.partial-${randomBytes(6).toString('hex')}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeOnce(draft, text);
  await rename(draft, path);
}

async function readSecret(root: string, id: string): Promise<Uint8Array> {
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

export function openKeyRing(root: string): KeyRing {
  const secret = (id: string): Promise<Uint8Array> => readSecret(root, id);
  return {
    secret,
    async ids() {
      const names = await readdir(join(root, 'keys')).catch(() => [] as string[]);
      const own = names.flatMap((name) => /^([0-9a-f]{16})\.key$/.exec(name)?.[1] ?? []);
      return [...own.sort(), SIMULATED_KEY_ID];
    },
    async erased(id) {
      const sealed = await textIfThere(erasedPath(root, id));
      if (sealed === undefined) return undefined;
      return openErasedUsers(await secret(id), sealed, erasedPath(root, id));
    },
    async saveErased(id, list) {
      await replace(erasedPath(root, id), sealErasedUsers(await secret(id), list));
    },
    current: () => textIfThere(currentPath(root)),
    setCurrent: (id) => replace(currentPath(root), id),
    async add(made) {
      const id = idOf(made);
      await mkdir(join(root, 'keys'), { recursive: true, mode: 0o700 });
      await writeOnce(keyPath(root, id), Buffer.from(made).toString('hex'));
      return id;
    },
    async destroy(id) {
      await rm(erasedPath(root, id), { force: true });
      await rm(keyPath(root, id), { force: true });
    },
  };
}

/** The id of the workspace's key, which is a hash of the key, not the key; undefined before the first use. */
export async function findUserKeyId(
  root: string,
  dataset: DatasetDescription,
): Promise<string | undefined> {
  return dataset.kind === 'simulated' ? SIMULATED_KEY_ID : openKeyRing(root).current();
}

/** Like `findUserKeyId`, but makes the key on first use and says so. */
export async function userKeyId(
  root: string,
  dataset: DatasetDescription,
  say: (line: string) => void,
): Promise<string> {
  const found = await findUserKeyId(root, dataset);
  if (found) return found;
  const id = await openKeyRing(root).add(randomBytes(32));
  const won = await writeOnce(currentPath(root), id);
  if (!won) return userKeyId(root, dataset, say);
  say(`A secret key for user ids was made: ${keyPath(root, id)} (keep it with the data)`);
  return id;
}
