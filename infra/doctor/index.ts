/** `edgeloom doctor`: each part, its version, where it came from, and how to mend what is missing. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { findTemporalBinary } from '../temporal/binary.ts';
import { prepareTensorflow } from '../tensorflow/prepare.ts';
import { machineChecks } from './machine.ts';
import { nativeChecks } from './native.ts';
import { storeCheck } from './store.ts';
import type { Check, DoctorOptions, Part } from './types.ts';

export type { DoctorOptions, Part } from './types.ts';

/** Looks at every part, one after the other (two loads of a native library would race for memory). */
export async function examine(
  options: DoctorOptions,
  checks: readonly Check[] = [
    ...machineChecks(options),
    storeCheck(options),
    ...nativeChecks(options),
  ],
): Promise<Part[]> {
  const parts: Part[] = [];
  for (const { name, needed, look } of checks) parts.push({ name, needed, ...(await look()) });
  return parts;
}

/** True when nothing that is needed is missing or broken. */
export const isHealthy = (parts: readonly Part[]): boolean =>
  parts.every((part) => part.state === 'ok' || !part.needed);

/** Sets up the native parts that can be set up; returns what could not be. */
export async function mend(options: DoctorOptions & RunOptions): Promise<EdgeloomError[]> {
  const { env, signal, onProgress } = options;
  const attempts: (() => Promise<unknown>)[] = [];
  if (env.EDGELOOM_BACKEND !== 'cpu') {
    attempts.push(() => prepareTensorflow({ env, signal, onProgress }));
  }
  if (!env.TEMPORAL_ADDRESS) {
    attempts.push(() => findTemporalBinary({ env, signal, onProgress }));
  }
  const failures: EdgeloomError[] = [];
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof EdgeloomError) || error.code === 'cancelled') throw error;
      failures.push(error);
    }
  }
  return failures;
}

/** A table for people: state, name, version and origin, and below it how to mend. */
export function formatParts(parts: readonly Part[]): string {
  const width = Math.max(...parts.map((part) => part.name.length));
  const versions = Math.max(...parts.map((part) => (part.version ?? '').length));
  const lines = parts.flatMap((part) => {
    const about = [part.from, part.detail].filter((text) => text !== undefined).join(', ');
    const row = `${part.state.padEnd(7)}  ${part.name.padEnd(width)}  ${(part.version ?? '').padEnd(versions)}  ${about}`;
    if (part.state === 'ok') return [row.trimEnd()];
    const optional = part.needed ? '' : ' (only needed for a set-up)';
    return [row.trimEnd(), `${' '.repeat(9)}to mend: ${part.fix ?? 'no way known'}${optional}`];
  });
  const verdict = isHealthy(parts)
    ? 'Everything that is needed is here.'
    : 'Something that is needed is missing or broken.';
  return `${lines.join('\n')}\n\n${verdict}\n`;
}
