/** `edgeloom erase`: removes users and proves that they are gone. */
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import {
  checkedIds,
  type Erasure,
  eraseUsers,
  queueErasure,
  resumeErasures,
} from '../activities/privacy/erase.ts';
import {
  masked,
  RAW_LOGS,
  refuseUnknownKeys,
  searchEstate,
  tracesOf,
} from '../activities/privacy/search.ts';
import type { Estate } from '../activities/privacy/types.ts';
import type { Found } from '../data/privacy/find-user.ts';
import { isDistinct } from '../data/privacy/user-pattern.ts';
import { countChanges, openEstate, print, reporting, type UpkeepOptions } from './upkeep.ts';

interface EraseOptions extends UpkeepOptions {
  user?: string[];
  userFile?: string;
  logs?: string[];
  check?: boolean;
  resume?: boolean;
  queue?: boolean;
}

/** Ids of the options: from the command line, a file, stdin. @throws EdgeloomError `no-users` */
async function idsOf({ user = [], userFile }: EraseOptions): Promise<string[]> {
  const ids = [...user];
  if (userFile !== undefined) {
    const text = userFile === '-' ? await readAll(process.stdin) : await readFile(userFile, 'utf8');
    ids.push(...text.split(/\r?\n/).filter((line) => line !== ''));
  }
  return checkedIds(ids);
}

function describe(found: Found, ids: readonly string[], withLogs: boolean): string[] {
  const lines = found.places.map(
    ({ path, where, rows }) => `found   ${path} (${where}${rows ? `, ${rows} rows` : ''})`,
  );
  lines.push(...found.unread.map(({ path, why }) => `unread  ${path} (${why})`));
  lines.push(
    found.places.length + found.unread.length === 0
      ? `No trace in ${found.files} files.`
      : `${found.places.length} places in ${found.files} files hold a trace; ${found.unread.length} could not be read.`,
  );
  if (ids.some((id) => !isDistinct(id)))
    lines.push(
      'Short ids and numbers are looked for in quotes and in user, device and session columns only.',
    );
  const raw = withLogs
    ? 'raw logs in other folders than the named ones'
    : `the raw logs (--logs of your runs, ${RAW_LOGS}/ here; give --logs to rewrite them)`;
  lines.push(
    `Not looked at: ${raw}, copies made with --out, other machines’ caches, older versions in a bucket.`,
  );
  return lines;
}

/** Nobody who was named was ever heard of here: the ids are misspelt, or it is another workspace. */
function ofNobody({ record }: Erasure): boolean {
  const raw = record.rawLogs as { rows: number };
  const rows = Object.values(record.rows as Record<string, number>);
  const all = (record.unknownUsers as number[]).length === record.users;
  return all && raw.rows === 0 && rows.every((n) => n === 0);
}

function unknownLines({ record }: Erasure): string[] {
  const places = record.unknownUsers as number[];
  if (places.length === 0) return [];
  const shown = places.slice(0, 20).join(', ');
  const more = places.length > 20 ? ` and ${places.length - 20} more` : '';
  const named =
    record.users === 1
      ? 'the id'
      : `${places.length} of ${String(record.users)} ids (${shown}${more}, in their order)`;
  return [
    `Unknown ${named}: in no lake, and not erased before. Is it spelt as in the logs, and is this the workspace?`,
    '        It is on the list of erased users all the same: rows that arrive are left out.',
  ];
}

function describeErasure({ record }: Erasure): string[] {
  const rows = Object.entries(record.rows as Record<string, number>);
  const what = rows.map(([kind, n]) => `${n} ${kind}`).join(', ') || 'nothing';
  const { replaced, removed } = countChanges(record);
  const models = (record.trainedWithTheirRows as unknown[]).length;
  const raw = record.rawLogs as { folders: number; files: number; rewritten: number; rows: number };
  const lines = [
    `Erased  ${what} (audit ${record.id})`,
    `        ${replaced} lakes rewritten, ${removed} derived artifacts dropped: the next run makes them again`,
    `        ${models} models and files were made with these rows and stay; the audit names them`,
  ];
  if (raw.folders > 0)
    lines.push(
      `        ${raw.rows} rows of raw logs removed, ${raw.rewritten} of ${raw.files} files rewritten: the next run ingests them again`,
    );
  return lines;
}

/** Exit code when nobody who was named was known. */
const UNKNOWN_USERS = 4;

/** Code 1 when anything is left, or could not be looked into; 4 when nobody was known. */
function tell(
  options: EraseOptions,
  done: readonly Erasure[],
  found: Found,
  ids: readonly string[],
): void {
  print(options, { audits: done.map(({ record }) => record), ...found }, [
    ...done.flatMap(describeErasure),
    ...done.flatMap(unknownLines),
    ...describe(found, ids, (options.logs ?? []).length > 0),
  ]);
  if (found.places.length + found.unread.length > 0) process.exitCode = 1;
  else if (done.length > 0 && done.every(ofNobody)) process.exitCode = UNKNOWN_USERS;
}

async function check(
  estate: Estate,
  ids: readonly string[],
  { logs = [] }: EraseOptions,
): Promise<Found> {
  await refuseUnknownKeys(estate);
  const traces = await tracesOf(estate, ids);
  return reporting('The search was interrupted', async (running) =>
    masked(await searchEstate(estate, traces, running, logs), traces),
  );
}

/** Of several searches, one after the other; the last one read every file again. */
const together = (done: readonly Erasure[]): Found => ({
  files: done.at(-1)?.found.files ?? 0,
  places: done.flatMap(({ found }) => found.places),
  unread: done.flatMap(({ found }) => found.unread),
});

export async function erase(options: EraseOptions): Promise<void> {
  const estate = await openEstate(options);
  const ids = options.resume ? [] : await idsOf(options);
  if (options.check) return tell(options, [], await check(estate, ids, options), ids);
  const { reason, logs } = options;
  const request = { users: ids, reason, logs };
  if (options.queue) {
    const auditId = await queueErasure(estate, request);
    print(options, { auditId }, [`Queued as ${auditId}.`]);
    return;
  }
  const told = 'The erasure was interrupted; edgeloom erase --resume finishes it';
  const done = await reporting(told, (running) =>
    options.resume ? resumeErasures(estate, running) : eraseUsers(estate, request, running),
  );
  if (done.length === 0) process.stdout.write('No erasure waits.\n');
  else tell(options, done, together(done), ids);
}
