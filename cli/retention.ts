/** `edgeloom retention`: what is older than the kept days; removes it when told so. */
import { applyRetention, planRetention } from '../activities/privacy/retention.ts';
import { interruptible } from './interrupt.ts';
import { ProgressLines } from './progress-lines.ts';
import { openWorkspace } from './workspace.ts';

interface RetentionOptions {
  keepDays: number;
  asOf?: string;
  apply?: boolean;
  reason?: string;
  workspace: string;
  json?: boolean;
}

export async function retention(options: RetentionOptions): Promise<void> {
  const workspace = await openWorkspace(options.workspace);
  const estate = { ...workspace, workspace: workspace.root };
  const request = {
    keepDays: options.keepDays,
    asOf: options.asOf ?? new Date().toISOString().slice(0, 10),
    reason: options.reason,
  };
  const plan = await planRetention(estate, request);
  if (!options.apply) {
    const lines = plan.expiring.map(
      ({ what, stage, name, why }) => `${what.padEnd(12)} ${stage.padEnd(18)} ${name}  ${why}`,
    );
    const said = [
      ...lines,
      `${lines.length} to remove; ${plan.from} is the first kept day. --apply removes them.`,
    ];
    process.stdout.write(options.json ? `${JSON.stringify(plan)}\n` : `${said.join('\n')}\n`);
    return;
  }
  const lines = new ProgressLines(process.stderr);
  const told = 'Interrupted; the same command goes on';
  const record = await interruptible(told, (signal) =>
    applyRetention(estate, request, { signal, onProgress: ({ message }) => lines.say(message) }),
  ).finally(() => lines.end());
  const changes = record.changes as { after: string | null }[];
  const cut = changes.filter(({ after }) => after !== null).length;
  process.stdout.write(
    options.json
      ? `${JSON.stringify(record)}\n`
      : `${cut} lakes cut, ${changes.length - cut} artifacts and ${String(record.logs)} logs removed; ${plan.from} is the first kept day (audit ${record.id})\n`,
  );
}
