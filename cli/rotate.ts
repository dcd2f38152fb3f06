/** `edgeloom keys rotate` */
import { rotateKey } from '../activities/privacy/rotate.ts';
import { interruptible } from './interrupt.ts';
import { ProgressLines } from './progress-lines.ts';
import { openWorkspace } from './workspace.ts';

interface RotateOptions {
  reason?: string;
  keepOld?: boolean;
  workspace: string;
  json?: boolean;
}

export async function rotate(options: RotateOptions): Promise<void> {
  const workspace = await openWorkspace(options.workspace);
  const lines = new ProgressLines(process.stderr);
  const told = 'The rotation was interrupted; the same command finishes it';
  const record = await interruptible(told, (signal) =>
    rotateKey(
      { ...workspace, workspace: workspace.root },
      { reason: options.reason, keepOld: options.keepOld ?? false },
      { signal, onProgress: ({ message }) => lines.say(message) },
    ),
  ).finally(() => lines.end());
  const { before, after } = record.keyIds as { before: string; after: string };
  const changes = record.changes as { after: string | null }[];
  const lakes = changes.filter((change) => change.after !== null).length;
  process.stdout.write(
    options.json
      ? `${JSON.stringify(record)}\n`
      : [
          `Key     ${before} → ${after} (audit ${record.id})`,
          `        ${lakes} lakes re-keyed, ${changes.length - lakes} derived artifacts dropped: the next run makes them again`,
          `        Bring keys/ of other machines up to date${options.keepOld ? '' : `, and destroy copies of keys/${before}.key`}.`,
          '',
        ].join('\n'),
  );
}
