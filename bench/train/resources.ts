/** What compiled training needs besides time: set-up, nodes, memory. */
import type { BenchLine } from '../types.ts';
import { median } from './alternate.ts';
import { prepared, type SpeedOptions } from './speed.ts';
import { openOurs } from './subjects.ts';

const RERANKER_ROWS = 20_000;
const RERANKER_BATCH = 128;
const SETUPS = 3;

/** Two figures: recording, writing, loading and the first step of the reranker; nodes of its program. */
export async function rerankerSetup({ folder, say }: SpeedOptions): Promise<BenchLine[]> {
  const subject = await prepared('reranker', RERANKER_ROWS, RERANKER_BATCH, folder);
  const runs = [];
  for (let i = 0; i < SETUPS; i++) {
    say(`reranker: set-up ${i + 1} of ${SETUPS}`);
    const { process, info, setupMs, setupCpuMs } = await openOurs(subject, 'fast', 1);
    await process.close();
    runs.push({ info: info!, setupMs: setupMs!, cpuMs: setupCpuMs! });
  }
  const { info } = runs.at(-1)!;
  const data = `default sizes, table of ${RERANKER_ROWS} × 16, batch ${RERANKER_BATCH}`;
  const seconds = runs.map(({ setupMs }) => setupMs / 1000);
  return [
    {
      figure: 'reranker: set-up, first step included',
      value: Number(median(seconds).toFixed(2)),
      unit: 's',
      target: '≤ 5',
      data,
      n: SETUPS,
      extra: {
        cpuSeconds: median(runs.map(({ cpuMs }) => cpuMs / 1000)),
        recordMs: info.recordMs,
        writeMs: info.writeMs,
        loadMs: info.loadMs,
      },
    },
    {
      figure: 'reranker: nodes of the program',
      value: info.nodes,
      target: '≤ 2,000',
      data,
      n: 1,
      extra: { bytes: info.bytes },
    },
  ];
}

interface Memory {
  rssMb: number;
  tensors: number;
  tensorMb: number;
}

const STEPS = 10_000;
/** Steps after which TensorFlow's allocator has settled. */
const SETTLED = 1_000;

/** One figure: memory that 9,000 more steps add to a process that made 1,000. */
export async function memoryGrowth({ folder, say }: SpeedOptions): Promise<BenchLine> {
  const subject = await prepared('mlp', RERANKER_ROWS, RERANKER_BATCH, folder);
  const { process } = await openOurs(subject, 'fast', 1);
  say(`mlp: ${STEPS} steps`);
  const memory = () => process.ask<Memory>({ do: 'memory' });
  await process.steps(SETTLED);
  const before = await memory();
  await process.steps(STEPS - SETTLED);
  const after = await memory();
  await process.close();
  return {
    figure: `mlp: growth of resident memory, steps ${SETTLED} to ${STEPS}`,
    value: Number((after.rssMb - before.rssMb).toFixed(1)),
    unit: 'MB',
    target: 'flat',
    data: `random, table of ${RERANKER_ROWS} × 16, batch ${RERANKER_BATCH}`,
    n: STEPS,
    extra: { rssMb: after.rssMb, moreTensors: after.tensors - before.tensors },
  };
}
