/** `edgeloom doctor`: what is here, what is missing, and how to mend it. */
import type { Command } from 'commander';
import type { DoctorOptions } from '../infra/doctor/index.ts';
import { projectRoot, workspacePath } from './workspace.ts';

interface DoctorFlags {
  json?: boolean;
  fix?: boolean;
  workspace?: string;
}

async function doctor(flags: DoctorFlags): Promise<void> {
  // Here, because the Temporal client takes longer to load than the rest of the command line.
  const { examine, formatParts, isHealthy, mend } = await import('../infra/doctor/index.ts');
  const options: DoctorOptions = {
    env: process.env,
    projectRoot,
    workspace: workspacePath(flags.workspace),
  };
  if (flags.fix) {
    let last = '';
    const failures = await mend({
      ...options,
      onProgress: ({ message }) => {
        if (message !== last) process.stderr.write(`${message}\n`);
        last = message;
      },
    });
    for (const failure of failures) process.stderr.write(`\n${failure.describe()}\n`);
  }
  const parts = await examine(options);
  const healthy = isHealthy(parts);
  process.stdout.write(
    flags.json ? `${JSON.stringify({ healthy, parts }, null, 2)}\n` : formatParts(parts),
  );
  process.exitCode = healthy ? 0 : 3;
}

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Looks at every part edgeloom needs: version, where it came from, how to mend it')
    .option('--json', 'print the findings as JSON')
    .option('--fix', 'first set up what is missing: TensorFlow library and Temporal server')
    .option('--workspace <folder>', 'folder of the pipeline (default: .edgeloom)')
    .action(doctor);
}
