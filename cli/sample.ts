/** `edgeloom sample show` and `edgeloom sample list`: single training samples for a person to read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Kind } from '../data/samples/open.ts';
import { countOption, dateOption, withStore } from './commands.ts';
import { workspacePath } from './workspace.ts';

export interface SampleOptions {
  kind?: Kind;
  samples?: string;
  tensors?: string;
  workspace: string;
  json?: boolean;
}

export interface ShowOptions extends SampleOptions {
  /** False: do not look. */
  lake?: string | false;
  random?: boolean;
  seed: number;
}

export interface ListOptions extends SampleOptions {
  date?: string;
  clicked?: boolean;
  limit: number;
}

const seedOption = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('not 0, 1, 2 …');
  return value;
};

const withSampleOptions = (command: Command): Command =>
  withStore(command)
    .addOption(
      new Option('--kind <kind>', 'of sample').choices(['rerank', 'video', 'decision', 'cohort']),
    )
    .option('--samples <dir|sha256:…>', 'output of the stitch stage; the latest unless told')
    .option('--tensors <dir|sha256:…>', 'output of the features stage; the latest unless told')
    .option('--workspace <dir>', 'the pipeline’s folder', workspacePath, workspacePath())
    .option('--json', 'print one JSON object on stdout');

export function registerSample(program: Command): void {
  const group = program.command('sample').description('look at single training samples');
  withSampleOptions(group.command('show'))
    .description('one decision: what was offered, what the phone knew, labels, every feature')
    .argument('[id]', 'sample_id; see edgeloom sample list')
    .option('--lake <dir|sha256:…>', 'lake; the one that the samples were made of unless told')
    .option('--no-lake', 'leave out what happened around the decision')
    .option('--random', 'a sample drawn with --seed')
    .option('--seed <n>', 'another seed, another sample', seedOption, 0)
    .action(async (id: string | undefined, options: ShowOptions) =>
      (await import('./sample-command.ts')).show(id, options),
    );
  withSampleOptions(group.command('list'))
    .description('ids of samples, oldest first (kind rerank unless told)')
    .option('--date <date>', 'business day', dateOption)
    .option('--clicked', 'with a click; of videos, with an effective view')
    .option('--limit <n>', 'lines at most', countOption, 20)
    .action(async (options: ListOptions) => (await import('./sample-command.ts')).list(options));
}
