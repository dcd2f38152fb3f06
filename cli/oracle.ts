/** `edgeloom oracle`: the best that could be reached in the world of a simulated log. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { EdgeloomError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { oracle } from '../simulator/oracle.ts';
import { type WorldParams, worldParams } from '../simulator/params.ts';
import { readWorld } from '../simulator/worlds.ts';
import { interruptible } from './interrupt.ts';
import { ProgressLines } from './progress-lines.ts';

interface Flags {
  truth?: string;
  world: string;
  slates?: number;
  rollouts?: number;
  share?: number;
}

const truthFile = z.looseObject({ params: worldParams });

/** The parameters that a truth folder tells. */
function paramsOf(truth: string): WorldParams {
  const path = join(resolve(truth), 'world.json');
  try {
    return truthFile.parse(JSON.parse(readFileSync(path, 'utf8'))).params;
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-truth',
        what: existsSync(path)
          ? `The file tells no world: ${(error as Error).message.split('\n')[0]}`
          : 'This folder holds no truth of a simulation',
        where: path,
        fix: 'name the folder that edgeloom simulate has written beside the logs',
        exitCode: 2,
      },
      { cause: error },
    );
  }
}

const number =
  (least: number, most: number, whole: boolean) =>
  (text: string): number => {
    const value = Number(text);
    const fits = whole ? Number.isSafeInteger(value) : Number.isFinite(value);
    if (!fits || value < least || value > most)
      throw new InvalidArgumentError(`not ${least} … ${most}`);
    return value;
  };

export function registerOracle(program: Command): void {
  program
    .command('oracle')
    .description('the best that could be reached in a simulated world, as JSON')
    .option('--truth <dir>', 'truth of the log (default: the world of --world, played again)')
    .option('--world <name|file>', 'a world by name or file', 'default')
    .option('--slates <n>', 'slates to look at (default: 200)', number(1, 1e6, true))
    .option('--rollouts <n>', 'futures per arm of a decision (default: 32)', number(1, 1e4, true))
    .option('--share <x>', 'part of the sessions whose decisions count', number(0.001, 1, false))
    .action(async ({ truth, world, ...options }: Flags) => {
      const params = truth === undefined ? readWorld(world).params : paramsOf(truth);
      const lines = new ProgressLines(process.stderr);
      const onProgress = ({ message }: Progress): void => lines.say(message);
      const report = await interruptible('The oracle was cancelled', async (signal) =>
        oracle(params, { ...options, signal, onProgress }),
      ).finally(() => lines.end());
      process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    });
}
