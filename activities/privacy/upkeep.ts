/** Steps that erasing, re-keying and retention share. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LakeAccount, RemovedRows } from '../../data/privacy/lake-account.ts';
import { lakeSummary } from '../../data/privacy/lake-account.ts';
import type {
  ArtifactRef,
  Json,
  KeyParts,
  StageRecord,
  StoreUpkeep,
  Summary,
} from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { keyOf } from '../runtime/content-key.ts';
import { auditFolder, noteChange, type Trained, UNKNOWN } from './audit.ts';
import { descendantsOf, LAKE_STAGE } from './holdings.ts';
import type { Estate } from './types.ts';

/** One such operation at a time, and none while stages run: they would write what is being removed. */
export async function alone<T>(
  { workspace, store }: Estate,
  options: RunOptions,
  work: () => Promise<T>,
): Promise<T> {
  const locked = async (): Promise<T> => {
    const [pid] = await store.workers();
    if (pid === undefined) return work();
    throw new EdgeloomError({
      code: 'store-busy',
      what: 'A stage works on this store; it would bring back what is removed now',
      where: `process ${pid}`,
      fix: 'wait for the end of the run, stop workers on other machines too, and run this command again',
    });
  };
  return withLock(join(auditFolder(workspace), 'lock'), locked, {
    signal: options.signal,
    onWait: (pid) => options.onProgress?.({ message: `waiting for process ${pid}` }),
  });
}

export const lakeRecords = (records: readonly StageRecord[]): StageRecord[] =>
  records.filter(({ parts }) => parts.stage === LAKE_STAGE);

export const paramsOf = (record: StageRecord): { [key: string]: Json } =>
  record.parts.params as { [key: string]: Json };

/** The record of a lake that was changed under its feet. */
export function recordOf(
  before: StageRecord,
  changes: { ref?: ArtifactRef; params?: { [key: string]: Json }; account?: LakeAccount },
): StageRecord {
  const parts: KeyParts = {
    ...before.parts,
    params: { ...paramsOf(before), ...changes.params },
  };
  return {
    key: keyOf(parts),
    parts,
    ref: changes.ref ?? before.ref,
    summary: changes.account ? (lakeSummary(changes.account) as Summary) : before.summary,
  };
}

/** The new record in place of the old one, also where it is the last one of a node. */
export async function replaceRecord(
  store: StoreUpkeep,
  before: StageRecord,
  after: StageRecord,
): Promise<void> {
  await store.keepRecord(after);
  for (const { node, record } of await store.latestRecords()) {
    if (record.key === before.key) await store.writeRecord(node, after);
  }
  if (before.key !== after.key) await store.removeRecord(before.key);
}

/** Fills a staging folder and keeps it, unless nothing changed. */
export async function restage(
  { store }: Estate,
  fill: (
    outDir: string,
  ) => Promise<{ account: LakeAccount; removed: RemovedRows; unchanged: boolean }>,
  options: RunOptions,
): Promise<{ ref?: ArtifactRef; account: LakeAccount; removed: RemovedRows }> {
  const outDir = await store.staging();
  try {
    const { account, removed, unchanged } = await fill(outDir);
    if (unchanged) return { account, removed };
    return { ref: await store.put(outDir, account.stored, options), account, removed };
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** Removes records with what they refer to; says so first. */
export async function dropRecords(
  { store, workspace }: Estate,
  id: string,
  records: readonly StageRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const keys = new Set(records.map(({ key }) => key));
  for (const { parts, ref } of records) {
    await noteChange(workspace, id, { stage: parts.stage, before: ref.sha256, after: null });
  }
  for (const { node, record } of await store.latestRecords()) {
    if (keys.has(record.key)) await store.removeLatest(node);
  }
  for (const key of keys) await store.removeRecord(key);
  const kept = new Set((await store.records()).map(({ ref }) => ref.sha256));
  const gone = new Set(records.map(({ ref }) => ref.sha256).filter((hash) => !kept.has(hash)));
  await store.removeArtifacts([...gone]);
}

/** Drops what has rows of users and was made from these artifacts; names the models that were. */
export async function dropDerived(
  estate: Estate,
  id: string,
  from: Iterable<string>,
): Promise<void> {
  const { rows, models } = descendantsOf(await estate.store.records(), from);
  for (const { parts, ref, summary } of models) {
    const trained: Trained = { stage: parts.stage, artifact: ref.sha256 };
    if (typeof summary.releaseId === 'string') trained.releaseId = summary.releaseId;
    await noteChange(estate.workspace, id, trained);
  }
  await dropRecords(estate, id, rows);
}

/** Artifacts that no record names: nothing can reuse them, and nobody can say whose rows they hold. */
export async function dropOrphans({ store, workspace }: Estate, id: string): Promise<void> {
  const named = new Set((await store.records()).map(({ ref }) => ref.sha256));
  const orphans = (await store.artifacts()).filter((hash) => !named.has(hash));
  for (const before of orphans) {
    await noteChange(workspace, id, { stage: UNKNOWN, before, after: null });
  }
  if (orphans.length > 0) await store.removeArtifacts(orphans);
}
