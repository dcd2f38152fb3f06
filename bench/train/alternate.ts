/** Times of several processes, taken in turns, so that whatever else runs slows all of them alike. */
import type { TrainingProcess } from './process.ts';

/** Medians over blocks, a step. */
export interface StepTime {
  wallMs: number;
  cpuMs: number;
}

export interface Turn {
  process: TrainingProcess;
  /** Steps of one block. */
  count: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Each round begins with another process. */
export async function alternate(turns: readonly Turn[], rounds: number): Promise<StepTime[]> {
  const wall = turns.map((): number[] => []);
  const cpu = turns.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < turns.length; i++) {
      const at = (round + i) % turns.length;
      const { process, count } = turns[at]!;
      const { wallMs, cpuMs } = await process.steps(count);
      wall[at]!.push(wallMs / count);
      cpu[at]!.push(cpuMs / count);
    }
  }
  return turns.map((_, i) => ({ wallMs: median(wall[i]!), cpuMs: median(cpu[i]!) }));
}
