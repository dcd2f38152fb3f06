/** A program that does the work once and tells in its last line what that took. */
import { spawn } from 'node:child_process';
import { EdgeloomError } from '../../lib/errors.ts';

/** What one run took. CPU and memory of all threads of the process, its start included. */
export interface Measured {
  /** From the first file that is read to the last that is written. */
  seconds: number;
  cpuSeconds: number;
  /** Peak of resident memory. */
  peakMb: number;
  ingestSeconds?: number;
  stitchSeconds?: number;
  /** Of the peer's package. */
  version?: string;
}

export async function runMeasured(program: string, args: readonly string[]): Promise<Measured> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const last = stdout.trim().split('\n').at(-1);
  if (code === 0 && last) return JSON.parse(last) as Measured;
  throw new EdgeloomError({
    code: 'bench-process-ended',
    what: `${program} ended with code ${code}`,
    where: args.join(' '),
    fix: 'read what it printed above',
  });
}
