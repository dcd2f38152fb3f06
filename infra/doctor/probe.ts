/** Running the probes of probe.mjs. */
import { fileURLToPath } from 'node:url';
import type { Environment } from '../shared/cache.ts';
import { lastLines, runCommand } from '../shared/command.ts';
import type { Finding } from './types.ts';

export type ProbeName = 'tensorflow' | 'duckdb' | 'onnxruntime' | 'litert';

export interface ProbeAnswer {
  version?: string;
  gpu?: boolean;
}

const LIMIT_MS = 120_000;

/** Loads and uses a native part in a child process. */
export async function probe(
  name: ProbeName,
  args: readonly string[],
  env: Environment,
): Promise<{ answer: ProbeAnswer } | { failure: string }> {
  const script = fileURLToPath(new URL('./probe.mjs', import.meta.url));
  const result = await runCommand(process.execPath, [script, name, ...args], {
    env: { TF_CPP_MIN_LOG_LEVEL: '2', ...env },
    timeoutMs: LIMIT_MS,
  });
  if (result.code === 0) {
    const line = result.stdout.trim().split('\n').at(-1)!;
    return { answer: JSON.parse(line) as ProbeAnswer };
  }
  if (result.timedOut) return { failure: `no answer within ${LIMIT_MS / 1000} s` };
  const line = /^.*(?:Error|error while loading)[:].*$/m.exec(result.stderr)?.[0];
  const ended = result.code === null ? 'the process crashed' : lastLines(result, 1);
  return { failure: line?.trim() ?? ended };
}

/** A finding about an npm package with a native part. */
export async function probeFinding(
  name: ProbeName,
  env: Environment,
  from: string,
): Promise<Finding> {
  const result = await probe(name, [], env);
  if ('failure' in result) {
    const missing = /Cannot find (?:module|package)/.test(result.failure);
    return {
      state: missing ? 'missing' : 'broken',
      from,
      detail: result.failure,
      fix: 'run npm ci on this machine (node_modules is not portable between platforms)',
    };
  }
  const { version } = result.answer;
  return { state: 'ok', from, ...(version ? { version } : {}) };
}
