/**
 * The note about a running server that lies beside its database, so that a second process uses that
 * server (SQLite lets only one have the file) and the last one to leave stops it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { isAlive } from '../../lib/alive.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { commandLine } from '../shared/processes.ts';
import type { BinarySource } from './binary.ts';

/** A process that uses the server. */
export interface User {
  pid: number;
  token: string;
}

export interface ServerState {
  pid: number;
  address: string;
  uiUrl: string;
  namespace: string;
  source: BinarySource;
  version: string;
  users: User[];
  /** Set by a process that ended without waiting for the server's end. */
  stopping?: boolean;
}

function parse(text: string): ServerState | undefined {
  try {
    return JSON.parse(text) as ServerState;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const missing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** The state file's content; undefined when there is none or it is not ours to read. */
export async function readState(path: string): Promise<ServerState | undefined> {
  try {
    return parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (missing(error)) return undefined;
    throw error;
  }
}

/** The same for the `exit` event, where nothing may be awaited. */
export function readStateSync(path: string): ServerState | undefined {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (missing(error)) return undefined;
    throw error;
  }
}

export const writeState = (path: string, state: ServerState): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify(state, null, 2)}\n`);

export const writeStateSync = (path: string, state: ServerState): void =>
  writeFileSync(path, `${JSON.stringify(state, null, 2)}\n`);

export const removeState = (path: string): Promise<void> => rm(path, { force: true });

/** True when the noted process runs and is that server, not a later process with its id. */
export async function isRunning(state: ServerState, databaseFile: string): Promise<boolean> {
  return isAlive(state.pid) && (await commandLine(state.pid)).includes(databaseFile);
}

/** Those users that are still alive, without `token`. */
export const otherUsers = (state: ServerState, token: string): User[] =>
  state.users.filter((user) => user.token !== token && isAlive(user.pid));
