/** Which of the users who are to be erased this workspace had ever heard of. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userKeyOf } from '../../data/ingest/user-keys.ts';
import { keysInLake } from '../../data/privacy/keys-in-lake.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Estate } from './types.ts';
import { lakeRecords, paramsOf } from './upkeep.ts';

/**
 * Places, from 1, of the ids that no lake has and nobody erased before: misspelt, most likely. To be asked before
 * anything is removed. A refused row from which no id could be read says nothing here.
 */
export async function unknownUsers(
  { store, keys }: Estate,
  ids: readonly string[],
  options: RunOptions,
): Promise<number[]> {
  const known = new Set<string>();
  const note = async (keyId: string, found: ReadonlySet<string>): Promise<void> => {
    const secret = await keys.secret(keyId);
    for (const id of ids) if (found.has(userKeyOf(secret, id))) known.add(id);
  };
  for (const keyId of await keys.ids()) {
    const erased = await keys.erased(keyId);
    if (erased) await note(keyId, new Set(erased.keys));
  }
  const tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-known-'));
  try {
    for (const record of lakeRecords(await store.records())) {
      const keyId = String(paramsOf(record).userKeyId);
      const secret = await keys.secret(keyId);
      const asked = ids.filter((id) => !known.has(id)).map((id) => userKeyOf(secret, id));
      if (asked.length === 0) break;
      const lakeDir = await store.open(record.ref, options);
      await note(keyId, await keysInLake(lakeDir, asked, { ...options, tempDir }));
    }
  } finally {
    await rm(tempDir, { recursive: true, force: true });
  }
  return ids.flatMap((id, i) => (known.has(id) ? [] : [i + 1]));
}
