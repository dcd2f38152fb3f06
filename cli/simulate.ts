/** `edgeloom simulate`: device logs of a simulated world, and its truth apart. */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { EdgeloomError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import {
  changeWorld,
  NULL_WORLDS,
  type NullWorld,
  type WorldParams,
  type WorldParamsChange,
} from '../simulator/params.ts';
import { simulate } from '../simulator/simulate.ts';
import { frozenWorlds, originOf, readWorld, worldText } from '../simulator/worlds.ts';
import { interruptible } from './interrupt.ts';
import { ProgressLines } from './progress-lines.ts';

interface Flags {
  out?: string;
  truth?: string | false;
  world: string;
  days?: number;
  users?: number;
  scale: number;
  from?: string;
  seed?: number;
  print?: boolean;
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

/** The world asked for, with what the flags change. */
function paramsOf(world: WorldParams, flags: Flags): WorldParams {
  const users = Math.round((flags.users ?? world.users.count) * flags.scale);
  const absent: WorldParamsChange = flags.nullWorld ? NULL_WORLDS[flags.nullWorld] : {};
  try {
    return changeWorld(changeWorld(world, absent), {
      seed: flags.seed ?? world.seed,
      from: flags.from ?? world.from,
      days: flags.days ?? world.days,
      users: { count: users },
    });
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    throw new EdgeloomError({
      code: 'bad-world',
      what: `No such world: ${issue?.message ?? (error as Error).message}`,
      where: issue?.path.join('.') ?? '',
      fix: 'see simulator/params.ts for the ranges',
      exitCode: 2,
    });
  }
}

async function writeLogs(flags: Flags): Promise<void> {
  const world = readWorld(flags.world);
  const params = paramsOf(world.params, flags);
  if (flags.print) {
    process.stdout.write(worldText({ ...world, params }));
    return;
  }
  if (flags.out === undefined) {
    throw new EdgeloomError({
      code: 'no-folder',
      what: 'No folder to write to was named',
      fix: 'name one with --out <dir>',
      exitCode: 2,
    });
  }
  const out = resolve(flags.out);
  const truth = flags.truth === false ? null : resolve(flags.truth ?? `${out}-truth`);
  refuseUsed(out);
  if (truth) refuseUsed(truth);
  const lines = new ProgressLines(process.stderr);
  const onProgress = ({ message, fraction = 0 }: Progress): void =>
    lines.say(`${Math.floor(100 * fraction)} %  ${message}`);
  const told = 'The simulation was cancelled; nothing was written';
  const input = { params, origin: originOf(world, params), out, truth, lanes: flags.lanes };
  const summary = await interruptible(told, (signal) =>
    simulate(input, { signal, onProgress }),
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
}

export function registerSimulate(program: Command): void {
  program
    .command('simulate')
    .description('write the device logs of a simulated world, and its truth apart')
    .option('--out <dir>', 'new folder for the logs')
    .option('--truth <dir>', 'new folder for the truth (default: <out>-truth)')
    .option('--no-truth', 'leave the truth unwritten')
    .option('--world <name|file>', `${frozenWorlds().join(', ')}, or a JSON file`, 'default')
    .option('--days <n>', 'business days (default: as in the world, so below)', whole)
    .option('--users <n>', 'users', whole)
    .option('--scale <x>', 'multiplies the users', positive, 1)
    .option('--from <date>', 'first business day')
    .option('--seed <n>', 'another seed is another world', whole)
    .addOption(
      new Option('--null-world <name>', 'take one effect away').choices(Object.keys(NULL_WORLDS)),
    )
    .option('--lanes <n>', 'threads that play; the bytes do not depend on it', whole)
    .option('--json', 'print the summary as JSON')
    .option('--print', 'print every parameter, as a file for --world, and simulate nothing')
    .action(writeLogs);
}
