/** `edgeloom demo` (`npm start`): simulated logs → daily pipeline → pulled, verified bundle. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pullBundle } from './pull.ts';
import { describeRun, sayOnStderr } from './run.ts';
import { runDaily } from './run-daily.ts';
import { simulateLogs } from './simulate.ts';

interface DemoOptions {
  out: string;
  users?: number;
  config?: string;
  workspace: string;
  json?: boolean;
}

const DEMO = { from: '2026-03-02', days: 7, seed: 7 };

export async function demo(options: DemoOptions): Promise<void> {
  const started = Date.now();
  const name = `simulated-${DEMO.from}-${DEMO.days}d-${options.users ?? 'default'}-${DEMO.seed}`;
  const logs = join(options.workspace, 'logs', name);
  const there = await stat(join(logs, 'dataset.json')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there) sayOnStderr(`Simulated logs: ${logs} (made earlier)`);
  else {
    sayOnStderr('Simulating a week of device logs …');
    const { events, seconds } = await simulateLogs(
      { ...DEMO, out: logs, ...(options.users ? { users: options.users } : {}) },
      sayOnStderr,
    );
    sayOnStderr(
      `Simulated ${events.toLocaleString('en')} events in ${seconds.toFixed(0)} s: ${logs}`,
    );
  }
  const report = await runDaily({
    workspace: options.workspace,
    logs,
    days: DEMO.days,
    config: options.config,
    channel: 'stable',
    plain: options.json === true || !process.stderr.isTTY,
    say: sayOnStderr,
  });
  const out = resolve(options.out);
  const pulled = await pullBundle(
    { source: report.releaseDir, channel: 'stable', outDir: out },
    sayOnStderr,
  );
  const seconds = (Date.now() - started) / 1000;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ...report, pulled, seconds })}\n`);
    return;
  }
  process.stdout.write(
    `${describeRun(report)}\nPulled   ${pulled.dir} (every file verified)\nReport   ${join(pulled.dir, 'report.html')}\nAll took ${seconds.toFixed(0)} s; a second run reuses everything.\n`,
  );
}
