/**
 * Memory of the stages that read and write files. A worker that runs some of them side by side divides
 * what it may use (EDGELOOM_MEMORY_MB) by its slots and tells each process its part. DuckDB spills to disk
 * above it; the merge of stitching takes fewer threads, and refuses where one part of users does not fit
 * (`data/stitch/merge-memory.ts`). A process takes about 300 MB besides. No result depends on it.
 */
import { EdgeloomError } from '../lib/errors.ts';

const WORKER = 'EDGELOOM_MEMORY_MB';
const STAGE = 'EDGELOOM_STAGE_MEMORY_MB';
/** DuckDB does not open a database of samples in less. */
const LEAST_MB = 200;

function megabytes(name: string, env: NodeJS.ProcessEnv): number | undefined {
  const text = env[name];
  if (!text) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= LEAST_MB) return value;
  throw new EdgeloomError({
    code: 'bad-memory-limit',
    what: `${name} is ${JSON.stringify(text)}`,
    fix: `give a whole number of megabytes, ${LEAST_MB} or more, or unset it`,
    exitCode: 2,
  });
}

/**
 * The variable that tells a stage process its part; none when the worker was told no limit.
 * @throws EdgeloomError `bad-memory-limit` when a part would be too small
 */
export function memoryPerStage(
  slots: number,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const all = megabytes(WORKER, env);
  if (all === undefined) return {};
  const part = Math.floor(all / slots);
  if (part >= LEAST_MB) return { [STAGE]: String(part) };
  throw new EdgeloomError({
    code: 'bad-memory-limit',
    what: `${WORKER} is ${all}: ${slots} stages side by side would have ${part} MB each`,
    fix: `give ${slots * LEAST_MB} or more, or unset it`,
    exitCode: 2,
  });
}

/** What DuckDB, or the merge, may use in this process: its part of a worker, or all when no worker started it. */
export const stageMemoryMb = (env: NodeJS.ProcessEnv = process.env): number | undefined =>
  megabytes(STAGE, env) ?? megabytes(WORKER, env);
