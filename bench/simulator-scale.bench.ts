/** Speed and memory of the simulator on many events, with the truth. */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { changeWorld } from '../simulator/params.ts';
import { simulate } from '../simulator/simulate.ts';
import { readWorld } from '../simulator/worlds.ts';
import type { Bench, BenchLine } from './types.ts';

/** Events that a user of the default world brings in its week, for the users that a size needs. */
const EVENTS_A_USER = 273;

export const bench: Bench = {
  name: 'simulator-scale',
  describe: 'time and memory for many events [--events N] [--lanes N] [--no-truth]',
  async run(args): Promise<BenchLine[]> {
    const { values } = parseArgs({
      args,
      options: {
        events: { type: 'string', default: '10000000' },
        lanes: { type: 'string' },
        'no-truth': { type: 'boolean', default: false },
      },
    });
    const count = Math.ceil(Number(values.events) / EVENTS_A_USER);
    const params = changeWorld(readWorld('default').params, { users: { count } });
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-scale-'));
    const memory: { fraction: number; rss: number }[] = [];
    try {
      const [before, started, idle] = [process.cpuUsage(), Date.now(), process.memoryUsage().rss];
      const { lines } = await simulate(
        {
          params,
          out: join(folder, 'logs'),
          truth: values['no-truth'] ? null : join(folder, 'truth'),
          lanes: values.lanes === undefined ? undefined : Number(values.lanes),
        },
        {
          onProgress: ({ fraction = 0 }) =>
            memory.push({ fraction, rss: process.memoryUsage().rss }),
        },
      );
      const seconds = (Date.now() - started) / 1000;
      const { user, system } = process.cpuUsage(before);
      /** Largest resident set between two parts of the run. */
      const peak = (from: number, to: number): number =>
        Math.max(...memory.filter((x) => x.fraction >= from && x.fraction < to).map((x) => x.rss));
      const cpu = (user + system) / 1e6;
      const data = `simulated, ${count} users${values['no-truth'] ? '' : ', with the truth'}`;
      return [
        {
          figure: 'wall time',
          value: seconds,
          unit: 's',
          target: '≤ 180 for 10,000,000 events on 2 cores',
          data,
          n: lines,
          extra: {
            cpuSeconds: cpu,
            cpuMicrosecondsAnEvent: (cpu * 1e6) / lines,
            cores: availableParallelism(),
          },
        },
        {
          figure: 'largest resident set',
          value: peak(0, 2),
          unit: 'bytes',
          target: 'flat',
          data,
          n: lines,
          extra: {
            // The code of all benches is in there, before anything is simulated.
            beforeTheRun: idle,
            upTo10Percent: peak(0, 0.1),
            upTo50Percent: peak(0, 0.5),
            from50To75Percent: peak(0.5, 0.75),
            from75Percent: peak(0.75, 2),
          },
        },
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
