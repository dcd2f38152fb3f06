/** What a bench tells: one line of JSON per figure. */
import type { Json } from '../lib/artifact.ts';

export interface BenchLine {
  figure: string;
  value: number | null;
  unit?: string;
  target?: string;
  /** What it is compared with, measured in the same run. */
  peer?: Json;
  /** Which data, and whether simulated. */
  data: string;
  /** Rows, samples, events or runs behind the value. */
  n: number;
  extra?: Json;
}

export interface Bench {
  name: string;
  describe: string;
  /** @param args what stood behind `--` on the command line */
  run(args: string[]): Promise<BenchLine | BenchLine[]>;
}
