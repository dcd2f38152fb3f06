/**
 * Erasing users: what ingest leaves out from now on, then raw logs where asked for, then lakes without
 * them, then everything that was made from those lakes, then a search of all files. A request is sealed and kept until it is done, so
 * that whatever was killed is finished by the next call.
 */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { openLogFolder } from '../../data/ingest/log-folder.ts';
import { userKeyOf } from '../../data/ingest/user-keys.ts';
import { eraseFromLake } from '../../data/privacy/erase-lake.ts';
import { erasedUsers } from '../../data/privacy/erased-users.ts';
import type { Found } from '../../data/privacy/find-user.ts';
import { seal, unseal } from '../../data/privacy/seal.ts';
import type { UserTraces } from '../../data/privacy/user-pattern.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import {
  type AuditRecord,
  begin,
  type Change,
  finish,
  newAuditId,
  noteChange,
  notedChanges,
  sumRows,
  unfinished,
} from './audit.ts';
import { unknownUsers } from './known-users.ts';
import { eraseRawLogs } from './raw-logs.ts';
import { redactLines } from './redact.ts';
import { masked, refuseUnknownKeys, searchEstate, tracesOf } from './search.ts';
import { type Estate, SIMULATED_KEY_ID } from './types.ts';
import {
  alone,
  dropDerived,
  dropOrphans,
  dropRecords,
  lakeRecords,
  paramsOf,
  recordOf,
  replaceRecord,
  restage,
} from './upkeep.ts';

export interface EraseRequest {
  /** Raw ids. */
  users: readonly string[];
  /** Ticket or cause, kept in the audit: never a user id. */
  reason?: string | undefined;
  /** Folders of raw logs that are to be rewritten without the users' rows. */
  logs?: readonly string[] | undefined;
}

export interface Erasure {
  record: AuditRecord;
  /** What the search found, ids in the names of files masked. */
  found: Found;
}

interface Pending {
  id: string;
  startedAt: string;
  reason: string | null;
  /** The secret that the request is sealed with. */
  sealedWith: string;
  sealed: string;
}

const PURPOSE = 'erase request';
/** What is sealed: raw ids, and folders of raw logs, whose names may tell of users. */
const sealedRequest = z.strictObject({
  users: z.array(z.string()),
  logs: z.array(z.string()),
});

/** Ids as they are given: one or more, none of them empty. @throws EdgeloomError `no-users` */
export function checkedIds(users: readonly string[]): string[] {
  const ids = [...new Set(users.filter((id) => id !== ''))];
  if (ids.length > 0) return ids;
  throw new EdgeloomError({
    code: 'no-users',
    what: 'No user id was given',
    fix: 'give --user ID, or --user-file FILE with one id a line (- reads stdin)',
    exitCode: 2,
  });
}

/** Adds the users to the list of every key that is in use, before anything is removed. */
async function suppress({ keys, store }: Estate, ids: readonly string[]): Promise<void> {
  const used = new Set(
    lakeRecords(await store.records()).map((record) => String(paramsOf(record).userKeyId)),
  );
  for (const keyId of await keys.ids()) {
    if (keyId === SIMULATED_KEY_ID && !used.has(keyId)) continue;
    const secret = await keys.secret(keyId);
    const before = await keys.erased(keyId);
    const after = erasedUsers(secret, [
      ...(before?.keys ?? []),
      ...ids.map((id) => userKeyOf(secret, id)),
    ]);
    if (after.id !== before?.id) await keys.saveErased(keyId, after);
  }
}

async function eraseLakes(estate: Estate, id: string, options: RunOptions): Promise<void> {
  const { store, keys, workspace } = estate;
  const lakes = lakeRecords(await store.records());
  for (const [i, before] of lakes.entries()) {
    options.signal?.throwIfAborted();
    options.onProgress?.({
      message: `lake ${i + 1} of ${lakes.length}`,
      fraction: i / lakes.length,
    });
    const keyId = String(paramsOf(before).userKeyId);
    const secret = await keys.secret(keyId);
    const list = (await keys.erased(keyId))!;
    if (paramsOf(before).erasedUsers === list.id) continue;
    const lakeDir = await store.open(before.ref, options);
    const { ref, account, removed } = await restage(
      estate,
      (outDir) =>
        eraseFromLake({
          lakeDir,
          outDir,
          keys: list.keys,
          keysOf: (user) => [userKeyOf(secret, user)],
          signal: options.signal,
        }),
      options,
    );
    const after = recordOf(before, {
      ...(ref ? { ref, account } : {}),
      params: { erasedUsers: list.id },
    });
    if (ref) {
      const change: Change = {
        stage: before.parts.stage,
        before: before.ref.sha256,
        after: ref.sha256,
        rows: removed,
      };
      await noteChange(workspace, id, change);
    }
    await replaceRecord(store, before, after);
  }
}

/** Artifacts in which a search of the store still finds the users, whatever they are. */
async function dropFound(estate: Estate, id: string, found: Found): Promise<boolean> {
  const { store } = estate;
  const hashes = new Set(
    found.places.flatMap(({ path }) => {
      const hex = /(?:^|[/:])objects\/([0-9a-f]{64})\//.exec(path)?.[1];
      return hex ? [`sha256:${hex}`] : [];
    }),
  );
  if (hashes.size === 0) return false;
  await dropDerived(estate, id, hashes);
  const records = (await store.records()).filter(({ ref }) => hashes.has(ref.sha256));
  await dropRecords(estate, id, records);
  await dropOrphans(estate, id);
  return true;
}

/** Once: after a kill their rows may be gone already. */
async function noteUnknown(
  estate: Estate,
  id: string,
  users: readonly string[],
  options: RunOptions,
): Promise<void> {
  const noted = await notedChanges(estate.workspace, id);
  if (noted.unknownUsers) return;
  const note = { unknownUsers: await unknownUsers(estate, users, options) };
  await noteChange(estate.workspace, id, note);
}

async function finishErasure(
  estate: Estate,
  pending: Pending,
  options: RunOptions,
): Promise<Erasure> {
  const { workspace, keys, store } = estate;
  const { id, sealed, sealedWith, startedAt, reason } = pending;
  const secret = await keys.secret(sealedWith);
  const { users, logs } = sealedRequest.parse(unseal(secret, PURPOSE, sealed, id));
  const traces: UserTraces = await tracesOf(estate, users);
  await noteUnknown(estate, id, users, options);
  await suppress(estate, users);
  const rawLogs = await eraseRawLogs(estate, id, { users, logs }, options);
  await eraseLakes(estate, id, options);
  const { changes: begun } = await notedChanges(workspace, id);
  await dropDerived(
    estate,
    id,
    begun.map(({ before }) => before),
  );
  await dropOrphans(estate, id);
  await store.removeLeftovers();
  const logLines = await redactLines(join(workspace, 'stage-logs'), traces);
  let found = await searchEstate(estate, traces, options, logs);
  if (await dropFound(estate, id, found)) found = await searchEstate(estate, traces, options, logs);
  const { changes, trained, rewritten, unknownUsers = [] } = await notedChanges(workspace, id);
  const record: AuditRecord = {
    id,
    operation: 'erase',
    startedAt,
    finishedAt: new Date().toISOString(),
    reason,
    users: users.length,
    unknownUsers,
    keyIds: await keys.ids(),
    rows: sumRows(changes),
    rawLogs: {
      ...rawLogs,
      rewritten: rewritten.length,
      rows: rewritten.reduce((sum, { rows }) => sum + rows, 0),
    },
    logLines,
    changes,
    trainedWithTheirRows: trained,
    search: { files: found.files, places: found.places.length, unread: found.unread.length },
  };
  await finish(workspace, record);
  return { record, found: masked(found, traces) };
}

/**
 * Seals a request and keeps it for `resumeErasures`.
 * @returns its id in the audit
 * @throws EdgeloomError `no-users`, `bad-reason`, and those of `openLogFolder`
 */
export async function queueErasure(
  { workspace, keys }: Estate,
  request: EraseRequest,
): Promise<string> {
  const users = checkedIds(request.users);
  // A folder that is none is told now, not by every later attempt.
  for (const folder of request.logs ?? []) await openLogFolder(folder);
  const reason = request.reason ?? null;
  if (reason !== null && users.some((id) => reason.includes(id))) {
    throw new EdgeloomError({
      code: 'bad-reason',
      what: 'The reason holds the id of the user who is to be erased',
      fix: 'give a ticket number; the reason is kept for ever',
      exitCode: 2,
    });
  }
  const [first] = await keys.ids();
  const sealedWith = (await keys.current()) ?? first!;
  const pending: Pending = {
    id: newAuditId('erase'),
    startedAt: new Date().toISOString(),
    reason,
    sealedWith,
    sealed: seal(await keys.secret(sealedWith), PURPOSE, {
      users,
      logs: (request.logs ?? []).map((folder) => resolve(folder)),
    } satisfies z.infer<typeof sealedRequest>),
  };
  await begin(workspace, pending.id, pending);
  return pending.id;
}

async function finishAll(estate: Estate, options: RunOptions): Promise<Erasure[]> {
  await refuseUnknownKeys(estate);
  const done: Erasure[] = [];
  for (const pending of await unfinished<Pending>(estate.workspace, 'erase')) {
    done.push(await finishErasure(estate, pending, options));
  }
  return done;
}

/**
 * Erases users, and finishes whatever erasure was interrupted before.
 * @returns one result per erasure, the asked one last
 * @throws EdgeloomError `no-users`, `store-busy`, `user-key-missing`, `bad-reason`
 */
export async function eraseUsers(
  estate: Estate,
  request: EraseRequest,
  options: RunOptions = {},
): Promise<Erasure[]> {
  return alone(estate, options, async () => {
    const id = await queueErasure(estate, request);
    const done = await finishAll(estate, options);
    return done.sort((a, b) => Number(a.record.id === id) - Number(b.record.id === id));
  });
}

/** Finishes erasures that were queued or interrupted. */
export const resumeErasures = (estate: Estate, options: RunOptions = {}): Promise<Erasure[]> =>
  alone(estate, options, () => finishAll(estate, options));
