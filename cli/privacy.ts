/** erase, keys, retention: registered here, loaded when called. */
import type { Command } from 'commander';
import { collect, countOption, dateOption, withStore } from './commands.ts';
import { workspacePath } from './workspace.ts';

const withWorkspace = (command: Command): Command =>
  withStore(command)
    .option('--workspace <dir>', 'the pipeline’s folder', workspacePath, workspacePath())
    .option('--json', 'print one JSON object on stdout');

export function registerPrivacy(program: Command): void {
  withWorkspace(program.command('erase'))
    .description('remove users from lake, rejects, samples and derived tables, and prove it')
    .option('--user <id>', 'a user id (repeatable); it stays in the shell’s history', collect)
    .option('--user-file <file>', 'ids, one a line; - reads stdin')
    .option('--reason <text>', 'ticket or cause for the audit, never an id')
    .option('--logs <dir>', 'raw logs to rewrite without their rows (repeatable)', collect)
    .option('--check', 'only look for the users: exit code 1 when a trace is found')
    .option('--queue', 'seal the request for the workflow eraseUser, or for --resume')
    .option('--resume', 'only finish erasures that were queued or interrupted')
    .addHelpText(
      'after',
      '\nRaw logs are touched only where --logs names them: see docs/guide/privacy.md.',
    )
    .action(async (options) => (await import('./erase.ts')).erase(options));

  const keys = program.command('keys').description('the secret key that user ids are hashed with');
  withWorkspace(keys.command('rotate'))
    .description('a new key; lakes, rejects and the list of erased users are re-keyed')
    .option('--reason <text>', 'ticket or cause for the audit')
    .option('--keep-old', 'leave the old key file, for lakes that lie elsewhere')
    .action(async (options) => (await import('./rotate.ts')).rotate(options));

  withWorkspace(program.command('retention'))
    .description('list what is older than some days; with --apply, remove it')
    .requiredOption('--keep-days <n>', 'business days that stay', countOption)
    .option('--as-of <date>', 'the last of them; today in UTC unless told', dateOption)
    .option('--apply', 'remove it; without this, nothing changes')
    .option('--reason <text>', 'ticket or cause for the audit')
    .action(async (options) => (await import('./retention.ts')).retention(options));
}
