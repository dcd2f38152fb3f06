/** run, plan, stage, dev, worker, demo: registered here, loaded when called. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { absoluteStore } from '../infra/store/url.ts';
import { NODES } from '../workflows/dag.ts';
import { workspacePath } from './workspace.ts';

/** Half a million events: enough to tell the models of the simulated world apart. */
const DEMO_USERS = 1900;

export const dateOption = (text: string): string => {
  // 2026-02-31 parses, as 3 March.
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== text) {
    throw new InvalidArgumentError('a date is YYYY-MM-DD');
  }
  return text;
};

export const countOption = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('a whole number above 0');
  return value;
};

/** Of an option that may be given several times. */
export const collect = (text: string, all: string[] = []): string[] => [...all, text];

/** One choice for the command and every process that it starts: those read EDGELOOM_STORE. */
export function withStore(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--store <url>',
        's3://bucket/prefix or a folder; store/ in the workspace unless told',
      ).env('EDGELOOM_STORE'),
    )
    .hook('preAction', async () => {
      const { store, config } = command.opts<{ store?: string; config?: string }>();
      const { storeOfSettings } = await import('./params.ts');
      const url = store || (config && (await storeOfSettings(config)));
      if (url) process.env.EDGELOOM_STORE = absoluteStore(url);
    });
}

function withPipelineOptions(command: Command): Command {
  return withStore(command)
    .requiredOption('--logs <dir>', 'folder of device logs (dataset.json, events/, tables/)')
    .option(
      '--date <date>',
      'day whose models are made; the last one of the logs unless told',
      dateOption,
    )
    .option('--days <n>', 'length of the window that ends with the date', countOption, 7)
    .option('--config <file>', 'settings by section, as JSON')
    .option('--channel <name>', 'channel that the release goes to', 'stable')
    .option('--workspace <dir>', 'the pipeline’s folder', workspacePath, workspacePath())
    .option('--json', 'print one JSON object on stdout');
}

export function registerPipeline(program: Command): void {
  withPipelineOptions(program.command('run'))
    .description('run the daily pipeline: device logs → released bundle')
    .option('--force', 'run every stage even where a result exists')
    .action(async (options) => (await import('./run.ts')).run(options));

  withPipelineOptions(program.command('plan'))
    .description('tell per stage whether it would run or be reused, and why; changes nothing')
    .option('--backend <name>', 'tensorflow or cpu; what this machine has unless told')
    .action(async (options) => (await import('./plan.ts')).plan(options));

  withStore(program.command('stage'))
    .description('run one stage without Temporal')
    .argument('[name]', 'name of the stage; without it, the stages are listed')
    .helpOption(false)
    .option('-h, --help', 'with a name: the inputs and parameters of that stage')
    .option(
      '--input <name=ref>',
      'an input: a folder, or sha256:… of the store (repeatable)',
      collect,
    )
    .option('--params <json>', 'parameters as JSON, or @file', '{}')
    .option('--out <dir>', 'also copy the result there')
    .option('--force', 'run even where a result exists')
    .option('--workspace <dir>', 'the pipeline’s folder', workspacePath, workspacePath())
    .option('--json', 'print one JSON object on stdout')
    .addHelpText('after', `\nNodes of the daily DAG: ${NODES.join(', ')}`)
    .action(async (name, options, command: Command) => {
      if (options.help && !name) return command.help();
      await (await import('./stage.ts')).stage(name, options);
    });

  withStore(program.command('dev'))
    .description('keep the Temporal server (with its Web UI) and a worker running until Ctrl-C')
    .option('--workspace <dir>', 'the pipeline’s folder', workspacePath, workspacePath())
    .action(async (options) => (await import('./dev.ts')).dev(options));

  withStore(program.command('demo'))
    .description('simulated logs → daily pipeline → pulled and verified bundle')
    .option('--out <dir>', 'where the bundle is pulled to', 'edgeloom-bundle')
    .option('--users <n>', 'simulated users', countOption, DEMO_USERS)
    .option('--config <file>', 'settings by section, as JSON')
    .option('--workspace <dir>', 'the pipeline’s folder', workspacePath, workspacePath())
    .option('--json', 'print one JSON object on stdout')
    .action(async (options) => (await import('./demo.ts')).demo(options));
}
