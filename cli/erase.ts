/** `edgeloom erase`: removes users and proves that they are gone. */
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import {
  type Erasure,
  eraseUsers,
  queueErasure,
  resumeErasures,
} from '../activities/privacy/erase.ts';
import {
  RAW_LOGS,
  refuseUnknownKeys,
  searchEstate,
  tracesOf,
} from '../activities/privacy/search.ts';
import type { Found } from '../data/privacy/find-user.ts';
import { filePattern, isDistinct, type UserTraces } from '../data/privacy/user-pattern.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { interruptible } from './interrupt.ts';
import { ProgressLines } from './progress-lines.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

interface EraseOptions {
  user?: string[];
  userFile?: string;
  reason?: string;
  check?: boolean;
  resume?: boolean;
  queue?: boolean;
  workspace: string;
  json?: boolean;
}

/** Ids of the options: from the command line, a file, stdin. */
async function idsOf({ user = [], userFile }: EraseOptions): Promise<string[]> {
  if (userFile === undefined) return user;
  const text = userFile === '-' ? await readAll(process.stdin) : await readFile(userFile, 'utf8');
  return [...user, ...text.split(/\r?\n/).filter((line) => line !== '')];
}

/** Where something was found, without telling what: a file may be named after a user. */
const masked = (found: Found, traces: UserTraces): Found => {
  const pattern = new RegExp(filePattern(traces), 'g');
  const mask = <T extends { path: string }>(place: T): T => ({
    ...place,
    path: place.path
      .split('/')
      .map((name) => name.replaceAll(pattern, '…'))
      .join('/'),
  });
  return { ...found, places: found.places.map(mask), unread: found.unread.map(mask) };
};

function describe(found: Found, ids: readonly string[]): string[] {
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
  lines.push(
    `Not looked at, and not ours to change: the raw logs (--logs of your runs, ${RAW_LOGS}/ here), copies made with --out, other machines’ caches, older versions in a bucket.`,
  );
  return lines;
}

function describeErasure({ record }: Erasure): string {
  const rows = Object.entries(record.rows as Record<string, number>);
  const removed = rows.map(([kind, n]) => `${n} ${kind}`).join(', ') || 'nothing';
  const changes = record.changes as { after: string | null }[];
  const dropped = changes.filter(({ after }) => after === null).length;
  const models = (record.trainedWithTheirRows as unknown[]).length;
  return [
    `Erased  ${removed} (audit ${record.id})`,
    `        ${changes.length - dropped} lakes rewritten, ${dropped} derived artifacts dropped: the next run makes them again`,
    `        ${models} models and files were made with these rows and stay; the audit names them`,
  ].join('\n');
}

async function check(ids: readonly string[], workspace: Workspace, json?: boolean): Promise<void> {
  await refuseUnknownKeys({ ...workspace, workspace: workspace.root });
  const traces = await tracesOf({ ...workspace, workspace: workspace.root }, ids);
  const lines = new ProgressLines(process.stderr);
  const found = await searchEstate({ ...workspace, workspace: workspace.root }, traces, {
    onProgress: ({ message }) => lines.say(message),
  }).finally(() => lines.end());
  tell([], masked(found, traces), ids, json);
}

function tell(done: Erasure[], found: Found, ids: readonly string[], json?: boolean): void {
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ audits: done.map(({ record }) => record), ...found })}\n`,
    );
  } else {
    const lines = [...done.map(describeErasure), ...describe(found, ids)];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  if (found.places.length + found.unread.length > 0) process.exitCode = 1;
}

export async function erase(options: EraseOptions): Promise<void> {
  const workspace = await openWorkspace(options.workspace);
  const estate = { ...workspace, workspace: workspace.root };
  const ids = options.resume ? [] : await idsOf(options);
  if (!options.resume && ids.length === 0) {
    throw new EdgeloomError({
      code: 'no-users',
      what: 'No user id was given',
      fix: 'give --user ID, or --user-file FILE with one id a line (- reads stdin)',
      exitCode: 2,
    });
  }
  if (options.queue) {
    const auditId = await queueErasure(estate, { users: ids, reason: options.reason });
    process.stdout.write(
      options.json ? `${JSON.stringify({ auditId })}\n` : `Queued as ${auditId}.\n`,
    );
    return;
  }
  if (options.check) return check(ids, workspace, options.json);
  const lines = new ProgressLines(process.stderr);
  const told = 'The erasure was interrupted; edgeloom erase --resume finishes it';
  const done = await interruptible(told, (signal) => {
    const running = {
      signal,
      onProgress: ({ message }: { message: string }) => lines.say(message),
    };
    return options.resume
      ? resumeErasures(estate, running)
      : eraseUsers(estate, { users: ids, reason: options.reason }, running);
  }).finally(() => lines.end());
  const traces = await tracesOf(estate, ids);
  const last = done.at(-1);
  if (!last) {
    process.stdout.write('No erasure waits.\n');
    return;
  }
  tell(done, masked(last.found, traces), ids, options.json);
}
