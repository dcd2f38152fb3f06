/**
 * What was done to users' data, for whoever has to show it: `audit/log.ndjson` in the workspace, one
 * record a line, only ever appended to. No user id, no user key.
 *
 *   audit/log.ndjson            finished operations
 *   audit/pending/<id>.json     one under way: what to go on with
 *   audit/pending/<id>.ndjson   what it has done so far
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RemovedRows } from '../../data/privacy/lake-account.ts';
import { writeFileAtomic } from '../../lib/files.ts';

export type Operation = 'erase' | 'rotate' | 'retention';

/** The stage of an artifact that no record names. */
export const UNKNOWN = 'unknown';

/** One artifact that changed. */
export interface Change {
  stage: string;
  before: string;
  /** Null when it was removed. */
  after: string | null;
  rows?: RemovedRows;
}

/** A model that rows taken out had been part of. */
export interface Trained {
  stage: string;
  artifact: string;
  releaseId?: string;
}

/** A raw log file that was rewritten: by the hash of its path, which may hold an id. */
export interface RewrittenLog {
  log: string;
  rows: number;
}

/** Which of the asked users were unknown when the operation began, by their places in the request, from 1. */
export interface UnknownUsers {
  unknownUsers: number[];
}

type Note = Change | Trained | RewrittenLog | UnknownUsers;

export interface AuditRecord {
  id: string;
  operation: Operation;
  startedAt: string;
  finishedAt: string;
  /** As the operator gave it. */
  reason: string | null;
  [fact: string]: unknown;
}

/** `erase-<16 hex digits>`: random, so that it says nothing of whom it is about. */
export const newAuditId = (operation: Operation): string =>
  `${operation}-${randomBytes(8).toString('hex')}`;

export const auditFolder = (workspace: string): string => join(workspace, 'audit');

const pendingPath = (workspace: string, id: string, ext: string): string =>
  join(auditFolder(workspace), 'pending', `${id}.${ext}`);

async function append(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(value)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function linesOf<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  // A line without its end was being written when the process was killed: what it says is done again.
  return text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as T];
      } catch {
        return [];
      }
    });
}

/** Notes one step of an operation. To be called before what it replaces is removed. */
export const noteChange = (workspace: string, id: string, change: Note): Promise<void> =>
  append(pendingPath(workspace, id, 'ndjson'), change);

/** What an operation has done so far; a step that was done twice counts once. */
export async function notedChanges(
  workspace: string,
  id: string,
): Promise<{
  changes: Change[];
  trained: Trained[];
  rewritten: RewrittenLog[];
  /** Undefined when it was not noted. */
  unknownUsers: number[] | undefined;
}> {
  const lines = await linesOf<Note>(pendingPath(workspace, id, 'ndjson'));
  const changes = new Map<string, Change>();
  const trained = new Map<string, Trained>();
  const rewritten = new Map<string, RewrittenLog>();
  let unknownUsers: number[] | undefined;
  for (const line of lines) {
    // What was noted first was noted before anything was removed.
    if ('unknownUsers' in line) unknownUsers ??= line.unknownUsers;
    else if ('log' in line) rewritten.set(line.log, line);
    else if ('artifact' in line) trained.set(line.artifact, line);
    else changes.set(`${line.stage} ${line.before}`, line);
  }
  // What was replaced and then found without a record is one change.
  const known = new Set(
    [...changes.values()].flatMap((c) => (c.stage === UNKNOWN ? [] : c.before)),
  );
  for (const [key, { stage, before }] of changes) {
    if (stage === UNKNOWN && known.has(before)) changes.delete(key);
  }
  return {
    changes: [...changes.values()],
    trained: [...trained.values()],
    rewritten: [...rewritten.values()],
    unknownUsers,
  };
}

/** Rows that changes took out, by their kind. */
export const sumRows = (changes: readonly Change[]): { [kind: string]: number } => {
  const sum: { [kind: string]: number } = {};
  const add = (kind: string, n: number): void => {
    if (n > 0) sum[kind] = (sum[kind] ?? 0) + n;
  };
  const one = (rows: RemovedRows): void => {
    add('events', rows.events);
    add('rejects', rows.rejects);
    for (const [table, n] of Object.entries(rows.tables)) add(`table ${table}`, n);
  };
  for (const { rows } of changes) if (rows) one(rows);
  return sum;
};

/** Says what is about to be done, so that another process can finish it. */
export async function begin(workspace: string, id: string, pending: object): Promise<void> {
  const path = pendingPath(workspace, id, 'json');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${JSON.stringify({ id, ...pending })}\n`);
}

/** Operations that began and did not end, by their kind. */
export async function unfinished<T>(workspace: string, operation: Operation): Promise<T[]> {
  const folder = join(auditFolder(workspace), 'pending');
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const own = names.filter((name) => name.startsWith(`${operation}-`) && name.endsWith('.json'));
  return Promise.all(
    own.sort().map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as T),
  );
}

export const readAudit = (workspace: string): Promise<AuditRecord[]> =>
  linesOf<AuditRecord>(join(auditFolder(workspace), 'log.ndjson'));

/** Writes the record, once, and forgets the notes. */
export async function finish(workspace: string, record: AuditRecord): Promise<void> {
  const written = (await readAudit(workspace)).some(({ id }) => id === record.id);
  if (!written) await append(join(auditFolder(workspace), 'log.ndjson'), record);
  await rm(pendingPath(workspace, record.id, 'json'), { force: true });
  await rm(pendingPath(workspace, record.id, 'ndjson'), { force: true });
}
