/** Wires the process that runs one stage. */

import { loadStage } from '../activities/index.ts';
import { serveOneStage } from '../activities/runtime/child-main.ts';
import { openWorkspace } from './workspace.ts';

export async function main(): Promise<void> {
  await serveOneStage({
    loadStage,
    open: openWorkspace,
  });
}
