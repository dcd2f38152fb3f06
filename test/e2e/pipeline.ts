/** Helpers of the end-to-end tests: small logs, a run as a process of its own, content hashes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../cli/workspace.ts';
import { worldParams } from '../../simulator/params.ts';
import { simulate } from '../../simulator/simulate.ts';

export const SMALL_RUN = join(projectRoot, 'test', 'fixtures', 'small-run.json');

/** A week of few users: enough for every branch of the pipeline. */
export async function smallLogs(out: string, users = 200): Promise<string> {
  await simulate({
    params: worldParams.parse({ seed: 11, users: { count: users } }),
    out,
    truth: null,
  });
  return out;
}

export interface Run {
  child: ChildProcess;
  /** Resolves when the process ended. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** What it has said on stderr so far. */
  stderr(): string;
}

/** Starts `edgeloom <args>` as a user would. */
export function edgeloom(args: string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [join(projectRoot, 'cli', 'edgeloom.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>(
    (resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    },
  );
  return { child, ended, stderr: () => stderr };
}
