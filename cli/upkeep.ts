/** What erase, keys rotate and retention have in common: where they work, how they report. */
import { existsSync } from 'node:fs';
import type { Estate } from '../activities/privacy/types.ts';
import { EdgeloomError } from '../lib/errors.ts';
import type { RunOptions } from '../lib/progress.ts';
import { interruptible } from './interrupt.ts';
import { ProgressLines } from './progress-lines.ts';
import { openWorkspace } from './workspace.ts';

/** Options that all of them have. */
export interface UpkeepOptions {
  workspace: string;
  reason?: string;
  json?: boolean;
}

/**
 * @throws EdgeloomError `workspace-not-found`: what is not there would be made empty, with a key of its own,
 *   and searched without finding anybody
 */
export async function openEstate({ workspace }: UpkeepOptions): Promise<Estate> {
  if (!existsSync(workspace)) {
    throw new EdgeloomError({
      code: 'workspace-not-found',
      what: 'There is no workspace',
      where: workspace,
      fix: 'give the folder that your runs use (--workspace or EDGELOOM_WORKSPACE)',
    });
  }
  const { root, store, keys } = await openWorkspace(workspace);
  return { workspace: root, store, keys };
}

/**
 * Runs the work with its progress on stderr, until it ends or the process is asked to.
 * @throws EdgeloomError `cancelled`, saying `told`
 */
export async function reporting<T>(
  told: string,
  work: (options: RunOptions) => Promise<T>,
): Promise<T> {
  const lines = new ProgressLines(process.stderr);
  const onProgress = ({ message }: { message: string }): void => lines.say(message);
  return interruptible(told, (signal) => work({ signal, onProgress })).finally(() => lines.end());
}

/** One JSON object on stdout when it was asked for, else the lines. */
export function print({ json }: UpkeepOptions, value: unknown, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
}

/** Artifacts that were replaced, and those that were removed. */
export function countChanges(record: { [fact: string]: unknown }): {
  replaced: number;
  removed: number;
} {
  const changes = record.changes as { after: string | null }[];
  const removed = changes.filter(({ after }) => after === null).length;
  return { replaced: changes.length - removed, removed };
}
