/** Asking a Temporal server whether it is there and fit for use. */
import { Connection } from '@temporalio/client';
import { EdgeloomError } from '../../lib/errors.ts';
import { ensureSearchAttributes } from './search-attributes.ts';

/** Oldest server with what the workflows use (worker deployments, user metadata). */
const MINIMUM_SERVER = [1, 29] as const;

/** True for a server version that is new enough; unknown forms pass. */
export function isNewEnough(version: string): boolean {
  const match = /^v?(\d+)\.(\d+)/.exec(version);
  if (!match) return true;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > MINIMUM_SERVER[0] || (major === MINIMUM_SERVER[0] && minor >= MINIMUM_SERVER[1]);
}

/**
 * Connects, checks version and namespace, registers missing search attributes and disconnects.
 * Rejects with the SDK's error when the server does not answer within `timeoutMs`, with an
 * `EdgeloomError` when it answers but cannot be used.
 *
 * @returns the server's version
 */
export async function probeServer(
  address: string,
  namespace: string,
  timeoutMs: number,
): Promise<string> {
  const connection = await Connection.connect({ address, connectTimeout: timeoutMs });
  try {
    return await connection.withDeadline(Date.now() + timeoutMs, async () => {
      const { serverVersion } = await connection.workflowService.getSystemInfo({});
      if (!isNewEnough(serverVersion)) {
        throw new EdgeloomError({
          code: 'temporal-too-old',
          what: `The Temporal server has version ${serverVersion}, at least ${MINIMUM_SERVER.join('.')} is needed`,
          where: address,
          fix: 'upgrade it, or unset TEMPORAL_ADDRESS to let edgeloom start its own',
          exitCode: 3,
        });
      }
      await connection.workflowService.describeNamespace({ namespace });
      await ensureSearchAttributes(connection, namespace);
      return serverVersion;
    });
  } finally {
    await connection.close();
  }
}
