/** The proof that users are gone: every file of the pipeline's folder and of its store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { userKeyOf } from '../../data/ingest/user-keys.ts';
import { type Found, findUser } from '../../data/privacy/find-user.ts';
import { filePattern, type UserTraces } from '../../data/privacy/user-pattern.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Estate } from './types.ts';
import { lakeRecords, paramsOf } from './upkeep.ts';

/** Raw logs that `edgeloom demo` simulated: input, not ours to change. */
export const RAW_LOGS = 'logs';

/** How the path of a place begins that lies in a bucket. */
const ELSEWHERE = 'bucket:';

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

/**
 * Looks into the workspace, the store where it lies elsewhere, and the bytes of a bucket.
 * @param logs folders of raw logs to look into as well
 */
export async function searchEstate(
  { workspace, store }: Estate,
  traces: UserTraces,
  options: RunOptions,
  logs: readonly string[] = [],
): Promise<Found> {
  const tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-search-'));
  const found: Found = { files: 0, places: [], unread: [] };
  const look = async (name: string, path: string, except: readonly string[]): Promise<void> => {
    if (!(await statIfThere(path))) return;
    const part = await findUser(path, traces, { ...options, tempDir, except });
    const named = <T extends { path: string }>(place: T): T => ({
      ...place,
      path: `${name}${place.path}`,
    });
    found.files += part.files;
    found.places.push(...part.places.map(named));
    found.unread.push(...part.unread.map(named));
  };
  try {
    await look('', workspace, [RAW_LOGS]);
    const below = relative(workspace, store.root);
    if (below.split(sep)[0] === '..') await look('store:', store.root, []);
    for (const folder of logs) await look('logs:', folder, []);
    const copies = await store.staging();
    const lookAtCopies = async (unread: Found['unread']): Promise<void> => {
      found.unread.push(...unread.map(({ path, why }) => ({ path: `${ELSEWHERE}${path}`, why })));
      await look(ELSEWHERE, copies, []);
    };
    await store.lookElsewhere(copies, lookAtCopies, options);
    return found;
  } finally {
    await rm(tempDir, { recursive: true, force: true });
  }
}

/** Where something was found, without telling what: a file may be named after a user. */
export function masked(found: Found, traces: UserTraces): Found {
  const pattern = new RegExp(filePattern(traces), 'g');
  const mask = <T extends { path: string }>(place: T): T => ({
    ...place,
    path: place.path
      .split('/')
      .map((name) => name.replaceAll(pattern, '…'))
      .join('/'),
  });
  return { ...found, places: found.places.map(mask), unread: found.unread.map(mask) };
}
