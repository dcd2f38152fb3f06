/** Our side of the bench: a log folder in Parquet → lake → samples, in a process of its own. */
import { join } from 'node:path';
import { ingest } from '../../data/ingest/ingest.ts';
import { stitch } from '../../data/stitch/stitch.ts';
import type { Measured } from './run-process.ts';

const [logsDir, outDir, k] = process.argv.slice(2) as [string, string, string];
const K = Number(k);

const started = performance.now();
await ingest({
  logsDir,
  outDir: join(outDir, 'lake'),
  userKey: new Uint8Array(32).fill(7),
  // The generator sends some events twice; nothing is to be refused.
  maxRejectShare: 0,
});
const ingested = performance.now();
await stitch({
  lakeDir: join(outDir, 'lake'),
  outDir: join(outDir, 'samples'),
  exposuresK: K,
  pageViewsK: K,
  candidatesN: 10,
  columns: {
    rerank: [
      'sample_id',
      'user_key',
      'decision_ts',
      'cand_item',
      'label_exposed',
      'label_click',
      'exp_item',
      'pv_item',
    ],
  },
});
const ended = performance.now();
const { user, system } = process.cpuUsage();
const measured: Measured = {
  seconds: (ended - started) / 1000,
  cpuSeconds: (user + system) / 1e6,
  peakMb: process.resourceUsage().maxRSS / 1024,
  ingestSeconds: (ingested - started) / 1000,
  stitchSeconds: (ended - ingested) / 1000,
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
