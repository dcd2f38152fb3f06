/** `edgeloom demo` (`npm start`): simulated logs → daily pipeline → pulled, verified bundle. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pull } from '../export/release/pull.ts';
import { canonicalJson, sha256 } from '../lib/hash.ts';
import type { Progress } from '../lib/progress.ts';
import { worldParams } from '../simulator/params.ts';
import { simulate } from '../simulator/simulate.ts';
import { ProgressLines } from './progress-lines.ts';
import { describeRun, sayOnStderr } from './run.ts';
import { runDaily } from './run-daily.ts';

interface DemoOptions {
  out: string;
  users: number;
  config?: string;
  workspace: string;
  json?: boolean;
}

/** Simulates once per workspace and world; a later run finds the logs and reuses every stage. */
async function simulatedLogs({ workspace, users }: DemoOptions): Promise<string> {
  const params = worldParams.parse({ users: { count: users } });
  const logs = join(workspace, 'logs', `simulated-${sha256(canonicalJson(params)).slice(0, 12)}`);
  if (existsSync(join(logs, 'dataset.json'))) {
    sayOnStderr(`Simulated logs: ${logs} (made earlier)`);
    return logs;
  }
  sayOnStderr(`Simulating ${params.days} days of ${params.users.count} users …`);
  const lines = new ProgressLines(process.stderr);
  const onProgress = ({ message }: Progress): void => lines.say(`Simulating: ${message}`);
  const summary = await simulate({ params, out: logs, truth: `${logs}-truth` }, { onProgress });
  lines.end();
  sayOnStderr(`Simulated ${summary.lines.toLocaleString('en')} log lines: ${logs}`);
  return logs;
}

export async function demo(options: DemoOptions): Promise<void> {
  const started = Date.now();
  const logs = await simulatedLogs(options);
  const report = await runDaily({
    workspace: options.workspace,
    logs,
    days: 7,
    config: options.config,
    channel: 'stable',
    plain: options.json === true || !process.stderr.isTTY,
    say: sayOnStderr,
  });
  const out = resolve(options.out);
  const pulled = await pull({ source: report.releaseDir, channel: 'stable', outDir: out });
  const seconds = (Date.now() - started) / 1000;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ...report, pulled, seconds })}\n`);
    return;
  }
  process.stdout.write(
    `${describeRun(report)}\nPulled   ${pulled.path} (every file verified)\nReport   ${join(pulled.path, 'report.html')}\nAll took ${seconds.toFixed(0)} s; a second run reuses everything.\n`,
  );
}
