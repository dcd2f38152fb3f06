/** Building the Temporal development server from the pinned module in `server/`. */
import { fileURLToPath } from 'node:url';
import type { RunOptions } from '../../lib/progress.ts';
import type { Environment } from '../shared/cache.ts';
import { buildGoProgram } from '../shared/go-build.ts';
import { TEMPORAL_CLI_VERSION } from './version.ts';

/**
 * Compiles the pinned server and puts the executable at `target`, whole or not at all. Rejects with
 * `go-missing`, `go-too-old` or `temporal-build-failed`.
 */
export const buildTemporal = (
  target: string,
  options: RunOptions & { env: Environment },
): Promise<void> =>
  buildGoProgram(
    {
      title: `Temporal ${TEMPORAL_CLI_VERSION}`,
      takes: '7 to 15 minutes',
      package: 'github.com/temporalio/cli/cmd/temporal',
      moduleFolder: fileURLToPath(new URL('./server', import.meta.url)),
      variables: [`github.com/temporalio/cli/internal/temporalcli.Version=${TEMPORAL_CLI_VERSION}`],
      failureCode: 'temporal-build-failed',
    },
    target,
    options,
  );
