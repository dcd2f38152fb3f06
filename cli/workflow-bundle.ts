/** The workflow code as one bundle. Workflows run in a sandbox: `npm run check` builds it too. */
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { projectRoot } from './workspace.ts';

export function workflowBundle(): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath: join(projectRoot, 'workflows', 'index.ts'),
    logger: new DefaultLogger('WARN'),
  });
}
