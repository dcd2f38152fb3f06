/** The proof that users are gone: every file of the pipeline's folder and of its store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { userKeyOf } from '../../data/ingest/user-keys.ts';
import { type Found, findUser } from '../../data/privacy/find-user.ts';
import type { UserTraces } from '../../data/privacy/user-pattern.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Estate } from './types.ts';
import { lakeRecords, paramsOf } from './upkeep.ts';

/** Raw logs that `edgeloom demo` simulated: input, not ours to change. */
export const RAW_LOGS = 'logs';

/** Keys of ids under every secret of this machine. */
export async function tracesOf({ keys }: Estate, ids: readonly string[]): Promise<UserTraces> {
  const all = new Set<string>();
  for (const keyId of await keys.ids()) {
    const secret = await keys.secret(keyId);
    for (const id of ids) all.add(userKeyOf(secret, id));
  }
  return { ids, keys: [...all] };
}

/**
 * Every lake must have been made with a secret that is here: else its users cannot be looked for.
 * @throws EdgeloomError `user-key-missing`
 */
export async function refuseUnknownKeys({ store, keys }: Estate): Promise<void> {
  const known = new Set(await keys.ids());
  for (const record of lakeRecords(await store.records())) {
    const { userKeyId } = paramsOf(record);
    if (known.has(String(userKeyId))) continue;
    throw new EdgeloomError({
      code: 'user-key-missing',
      what: `A lake was made with a user key that is not on this machine (${String(userKeyId)}), so nobody can be looked for in it`,
      where: record.ref.sha256,
      fix: 'copy the key file into keys/, or drop the lake with `edgeloom retention`',
    });
  }
}

/** Looks into the workspace and, where it lies elsewhere, the store. */
export async function searchEstate(
  { workspace, store }: Estate,
  traces: UserTraces,
  options: RunOptions,
): Promise<Found> {
  const tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-search-'));
  try {
    const found: Found = { files: 0, places: [], unread: [] };
    const roots: { name: string; path: string; except: string[] }[] = [
      { name: '', path: workspace, except: [RAW_LOGS] },
    ];
    const below = relative(workspace, store.root);
    if (below.split(sep)[0] === '..') roots.push({ name: 'store:', path: store.root, except: [] });
    for (const { name, path, except } of roots) {
      if (!(await statIfThere(path))) continue;
      const part = await findUser(path, traces, { ...options, tempDir, except });
      const named = <T extends { path: string }>(place: T): T => ({
        ...place,
        path: `${name}${place.path}`,
      });
      found.files += part.files;
      found.places.push(...part.places.map(named));
      found.unread.push(...part.unread.map(named));
    }
    return found;
  } finally {
    await rm(tempDir, { recursive: true, force: true });
  }
}
