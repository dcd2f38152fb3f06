/** `edgeloom run`. */
import { type RunOptions, type RunReport, runDaily } from './run-daily.ts';

interface CommandOptions extends Omit<RunOptions, 'plain' | 'say'> {
  json?: boolean;
}

export const sayOnStderr = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Where the bundle is, what was skipped, and how to look at the run. */
export function describeRun(report: RunReport): string {
  const lines = [
    '',
    `Bundle   ${report.bundleDir}`,
    `         content hash ${report.contentHash}`,
    `Release  ${report.releaseId} on channel ${report.channel} in ${report.releaseDir}`,
    `Web UI   ${report.webUi}`,
  ];
  if (report.serverStopped) {
    lines.push('         (its server is stopped; `npx edgeloom dev` brings the page back)');
  }
  for (const { node, told } of report.nodes) {
    if (told) lines.push(`Note     ${node}: ${told}`);
  }
  for (const { node, reason } of report.skipped) lines.push(`Skipped  ${node}: ${reason}`);
  lines.push(`Took     ${report.seconds.toFixed(0)} s`);
  return lines.join('\n');
}

export async function run(options: CommandOptions): Promise<void> {
  const plain = options.json === true || !process.stderr.isTTY;
  const report = await runDaily({ ...options, plain, say: sayOnStderr });
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${describeRun(report)}\n`);
}
