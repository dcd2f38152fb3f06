/** `edgeloom simulate`: device logs of a simulated world, and its truth apart. */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EdgeloomError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { NULL_WORLDS, type NullWorld, worldParams } from '../simulator/params.ts';
import { simulate } from '../simulator/simulate.ts';
import { interruptible } from './interrupt.ts';
import { ProgressLines } from './progress-lines.ts';

interface Flags {
  out: string;
  truth?: string | false;
  days: number;
  users: number;
  scale: number;
  from: string;
  seed: number;
  nullWorld?: NullWorld;
  lanes?: number;
  json?: boolean;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('not above 0');
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('not 0, 1, 2 …');
  return value;
}

function refuseUsed(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return;
  throw new EdgeloomError({
    code: 'folder-in-use',
    what: 'The folder to write to holds something already',
    where: folder,
    fix: 'name a new folder, or remove this one',
    exitCode: 2,
  });
}

export function registerSimulate(program: Command): void {
  const defaults = worldParams.parse({});
  program
    .command('simulate')
    .description('write the device logs of a simulated world, and its truth apart')
    .requiredOption('--out <dir>', 'new folder for the logs')
    .option('--truth <dir>', 'new folder for the truth (default: <out>-truth)')
    .option('--no-truth', 'leave the truth unwritten')
    .option('--days <n>', 'business days', whole, defaults.days)
    .option('--users <n>', 'users', whole, defaults.users.count)
    .option('--scale <x>', 'multiplies the users', positive, 1)
    .option('--from <date>', 'first business day', defaults.from)
    .option('--seed <n>', 'another seed is another world', whole, defaults.seed)
    .addOption(
      new Option('--null-world <name>', 'take one effect away').choices(Object.keys(NULL_WORLDS)),
    )
    .option('--lanes <n>', 'threads that play; the bytes do not depend on it', whole)
    .option('--json', 'print the summary as JSON')
    .action(async (flags: Flags) => {
      const out = resolve(flags.out);
      const truth = flags.truth === false ? null : resolve(flags.truth ?? `${out}-truth`);
      refuseUsed(out);
      if (truth) refuseUsed(truth);
      const absent: Record<string, object> = flags.nullWorld ? NULL_WORLDS[flags.nullWorld] : {};
      const parsed = worldParams.safeParse({
        ...absent,
        seed: flags.seed,
        from: flags.from,
        days: flags.days,
        users: { ...absent.users, count: Math.round(flags.users * flags.scale) },
      });
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        throw new EdgeloomError({
          code: 'bad-world',
          what: `No such world: ${issue?.message ?? 'unknown reason'}`,
          where: issue?.path.join('.') ?? '',
          fix: 'see simulator/README.md for the ranges',
          exitCode: 2,
        });
      }
      const lines = new ProgressLines(process.stderr);
      const onProgress = ({ message, fraction = 0 }: Progress): void =>
        lines.say(`${Math.floor(100 * fraction)} %  ${message}`);
      const told = 'The simulation was cancelled; nothing was written';
      const summary = await interruptible(told, (signal) =>
        simulate({ params: parsed.data, out, truth, lanes: flags.lanes }, { signal, onProgress }),
      ).finally(() => lines.end());
      if (flags.json) {
        process.stdout.write(`${JSON.stringify({ out, truth, ...summary })}\n`);
        return;
      }
      const kinds = Object.entries(summary.events).map(([type, n]) => `${type} ${n}`);
      process.stdout.write(
        [
          `${summary.lines} lines, of which ${summary.duplicates} are resends: ${kinds.join(', ')}`,
          `${summary.firstDate} … ${summary.lastDate}, ${summary.users} users, ${summary.items} items`,
          `logs   ${out}`,
          `truth  ${truth ?? 'not written'}`,
          '',
        ].join('\n'),
      );
    });
}
