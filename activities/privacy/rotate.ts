/**
 * A new key for user ids: the old secret with one more link. Every lake under the old key becomes one
 * under the new key, link by link and without raw ids; what was made from it is dropped.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { LINK_BYTES } from '../../data/ingest/user-keys.ts';
import { relinkedUsers } from '../../data/privacy/erased-users.ts';
import { rekeyLake } from '../../data/privacy/rekey-lake.ts';
import type { ArtifactRef, StageRecord } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import {
  type AuditRecord,
  begin,
  finish,
  newAuditId,
  noteChange,
  notedChanges,
  unfinished,
} from './audit.ts';
import { type Estate, SIMULATED_KEY_ID } from './types.ts';
import {
  alone,
  dropDerived,
  dropOrphans,
  lakeRecords,
  paramsOf,
  recordOf,
  replaceRecord,
} from './upkeep.ts';

export interface RotateRequest {
  reason?: string | undefined;
  /** Leave the old key file in place, for lakes that lie elsewhere. */
  keepOld?: boolean;
}

interface Pending {
  id: string;
  startedAt: string;
  reason: string | null;
  from: string;
  to: string;
  keepOld: boolean;
}

/** The old secret and a new last link. @throws EdgeloomError `bad-key` when the old one is no chain */
function lengthened(old: Uint8Array): Uint8Array {
  if (old.length % LINK_BYTES === 0) return Buffer.concat([old, randomBytes(LINK_BYTES)]);
  throw new EdgeloomError({
    code: 'bad-key',
    what: `The current key has ${old.length} bytes; a key that can be rotated is a multiple of ${LINK_BYTES}`,
    where: 'keys/',
    fix: 'start anew with a key of 32 random bytes: this one can only be replaced by ingesting again',
  });
}

async function rekeyed(
  { store }: Estate,
  before: StageRecord,
  link: Uint8Array,
  options: RunOptions,
): Promise<ArtifactRef> {
  const lakeDir = await store.open(before.ref, options);
  const outDir = await store.staging();
  try {
    const buckets = Number(paramsOf(before).buckets);
    const rows = await rekeyLake({ lakeDir, outDir, link, buckets, ...options });
    return await store.put(outDir, rows, options);
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

async function finishRotation(
  estate: Estate,
  pending: Pending,
  options: RunOptions,
): Promise<AuditRecord> {
  const { workspace, store, keys } = estate;
  const { id, from, to, keepOld } = pending;
  const secret = await keys.secret(to);
  const link = secret.subarray(secret.length - LINK_BYTES);
  // Killed after the old key was destroyed: nothing is left to re-key.
  const old = (await keys.ids()).includes(from);
  if (old) {
    const gone = await keys.erased(from);
    if (gone) await keys.saveErased(to, relinkedUsers(gone, link, secret));
    const erased = (await keys.erased(to))?.id;
    const lakes = lakeRecords(await store.records()).filter(
      (record) => paramsOf(record).userKeyId === from,
    );
    for (const [i, before] of lakes.entries()) {
      options.signal?.throwIfAborted();
      options.onProgress?.({ message: `lake ${i + 1} of ${lakes.length}` });
      const ref = await rekeyed(estate, before, link, options);
      const params = { userKeyId: to, ...(erased ? { erasedUsers: erased } : {}) };
      const { stage } = before.parts;
      await noteChange(workspace, id, { stage, before: before.ref.sha256, after: ref.sha256 });
      await replaceRecord(store, before, recordOf(before, { ref, params }));
    }
    const { changes } = await notedChanges(workspace, id);
    await dropDerived(
      estate,
      id,
      changes.map(({ before }) => before),
    );
    await dropOrphans(estate, id);
    await store.removeLeftovers();
    await keys.setCurrent(to);
    if (!keepOld) await keys.destroy(from);
  }
  const { changes, trained } = await notedChanges(workspace, id);
  const record: AuditRecord = {
    id,
    operation: 'rotate',
    startedAt: pending.startedAt,
    finishedAt: new Date().toISOString(),
    reason: pending.reason,
    keyIds: { before: from, after: to },
    oldKeyKept: keepOld,
    changes,
    madeUnderTheOldKey: trained,
  };
  await finish(workspace, record);
  return record;
}

/** @throws EdgeloomError `simulated-key` when all that was ingested is simulated */
async function refuseSimulated({ store }: Estate): Promise<void> {
  const lakes = lakeRecords(await store.records());
  if (!lakes.some((lake) => paramsOf(lake).userKeyId === SIMULATED_KEY_ID)) return;
  throw new EdgeloomError({
    code: 'simulated-key',
    what: 'There is no key to rotate: this workspace holds simulated logs only, whose user ids are hashed with a key that everyone knows',
    fix: 'nothing is to be done: nobody real is behind these ids; device logs get a secret key of their own with their first run',
    exitCode: 2,
  });
}

/**
 * Rotates the current key, or finishes a rotation that was interrupted.
 * @throws EdgeloomError `no-user-key`, `simulated-key`, `erasure-unfinished`, `store-busy`, `bad-key`
 */
export async function rotateKey(
  estate: Estate,
  request: RotateRequest = {},
  options: RunOptions = {},
): Promise<AuditRecord> {
  const { workspace, keys } = estate;
  return alone(estate, options, async () => {
    if ((await unfinished(workspace, 'erase')).length > 0) {
      throw new EdgeloomError({
        code: 'erasure-unfinished',
        what: 'An erasure was interrupted; it is sealed with the key that would be destroyed',
        fix: 'run edgeloom erase --resume first',
      });
    }
    const [begun] = await unfinished<Pending>(workspace, 'rotate');
    if (begun) return finishRotation(estate, begun, options);
    const from = await keys.current();
    if (from === undefined) {
      await refuseSimulated(estate);
      throw new EdgeloomError({
        code: 'no-user-key',
        what: 'There is no key to rotate: no device logs were ingested in this workspace',
        fix: 'name the workspace with --workspace',
        exitCode: 2,
      });
    }
    const pending: Pending = {
      id: newAuditId('rotate'),
      startedAt: new Date().toISOString(),
      reason: request.reason ?? null,
      from,
      to: await keys.add(lengthened(await keys.secret(from))),
      keepOld: request.keepOld ?? false,
    };
    await begin(workspace, pending.id, pending);
    return finishRotation(estate, pending, options);
  });
}
