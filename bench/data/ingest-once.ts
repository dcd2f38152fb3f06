/** Ingests a log folder in a process of its own, as a stage does. */
import { ingest } from '../../data/ingest/ingest.ts';
import type { Measured } from './run-process.ts';

const [logsDir, outDir] = process.argv.slice(2) as [string, string];

const started = performance.now();
const before = process.cpuUsage();
await ingest({ logsDir, outDir, userKey: new Uint8Array(32).fill(7) });
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(before);
const measured: Measured = {
  seconds,
  cpuSeconds: (user + system) / 1e6,
  peakMb: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
