/** The command line: commands, exit codes, and how failures are told. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { EdgeloomError } from '../lib/errors.ts';
import { registerPipeline } from './commands.ts';
import { registerDoctor } from './doctor.ts';
import { registerImport } from './import.ts';
import { registerOracle } from './oracle.ts';
import { registerPrivacy } from './privacy.ts';
import { registerPull } from './pull.ts';
import { registerSample } from './sample.ts';
import { registerSimulate } from './simulate.ts';
import { projectRoot } from './workspace.ts';

function version(): string {
  const text = readFileSync(join(projectRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export function createProgram(): Command {
  const program = new Command('edgeloom')
    // Sub-commands inherit this when they are made, so it stands first.
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .description('Turns a day of device logs into the recommendation models that phones run.')
    .version(version())
    .showHelpAfterError('(edgeloom <command> --help tells the options)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage or input, 3 a native part is missing, 130 cancelled.',
    );
  registerPipeline(program);
  registerSimulate(program);
  registerOracle(program);
  registerImport(program);
  registerPull(program);
  registerPrivacy(program);
  registerSample(program);
  registerDoctor(program);
  return program;
}

const SYSTEM_PROBLEMS: Record<string, [what: string, fix: string]> = {
  ENOENT: ['There is no such file or folder', 'check the path'],
  ENOTDIR: ['A part of the path is a file, not a folder', 'check the path'],
  EEXIST: ['There is something already', 'choose another path, or remove it'],
  EACCES: ['Access is denied', 'check the permissions'],
  EPERM: ['The operation is not permitted', 'check the permissions'],
  EROFS: ['The disk is read-only', 'choose a folder on another disk'],
  ENOSPC: ['The disk is full', 'free some space and run the same command again'],
  EDQUOT: ['The disk quota is used up', 'free some space and run the same command again'],
};

/** An error of the operating system in words; others as they are. */
function asProblem(error: unknown): unknown {
  const { code, path, message } = (error ?? {}) as NodeJS.ErrnoException;
  const known = SYSTEM_PROBLEMS[code?.replace(/^ERR_FS_CP_/, '') ?? ''];
  if (error instanceof EdgeloomError || !known) return error;
  const [what, fix] = known;
  const problem = { code: 'system-error', what, where: path ?? message, fix };
  return new EdgeloomError(problem, { cause: error });
}

/** Runs one command; sets the exit code. */
export async function main(argv: string[]): Promise<void> {
  const program = createProgram();
  // A reader that closed early (`| head`) is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : 1),
  );
  try {
    await program.parseAsync(argv);
  } catch (thrown) {
    const error = asProblem(thrown);
    if (error instanceof EdgeloomError) {
      process.stderr.write(`\n${error.describe()}\n`);
      process.exit(error.exitCode);
    }
    process.stderr.write(`\nUnexpected: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
}
