/** The command line: commands, exit codes, and how failures are told. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { EdgeloomError } from '../lib/errors.ts';
import { registerPipeline } from './commands.ts';
import { registerDoctor } from './doctor.ts';
import { registerImport } from './import.ts';
import { registerPull } from './pull.ts';
import { registerSimulate } from './simulate.ts';
import { projectRoot } from './workspace.ts';

function version(): string {
  const text = readFileSync(join(projectRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export function createProgram(): Command {
  const program = new Command('edgeloom')
    .description('Turns a day of device logs into the recommendation models that phones run.')
    .version(version())
    .showHelpAfterError('(edgeloom <command> --help tells the options)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage or input, 3 a native part is missing, 130 cancelled.',
    );
  registerPipeline(program);
  registerSimulate(program);
  registerImport(program);
  registerPull(program);
  registerDoctor(program);
  return program;
}

/** Runs one command; sets the exit code. */
export async function main(argv: string[]): Promise<void> {
  const program = createProgram();
  program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof EdgeloomError) {
      process.stderr.write(`\n${error.describe()}\n`);
      process.exit(error.exitCode);
    }
    process.stderr.write(`\nUnexpected: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
}
