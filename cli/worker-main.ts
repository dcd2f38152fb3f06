/**
 * A worker process: workflows and activities of both queues. Started by `edgeloom run` (which waits
 * for its `ready` message and restarts it when it dies) or by `edgeloom worker`.
 */
import { join } from 'node:path';
import { NativeConnection, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { loadStage, stageNames } from '../activities/index.ts';
import { createPrivacyActivities } from '../activities/privacy/as-activities.ts';
import { createActivities } from '../activities/runtime/as-activities.ts';
import { CPU_QUEUE, IO_QUEUE } from '../workflows/profiles.ts';
import { memoryPerStage } from './stage-memory.ts';
import { workflowBundle } from './workflow-bundle.ts';
import { openWorkspace, projectRoot } from './workspace.ts';

interface WorkerSettings {
  address: string;
  namespace: string;
  workspace: string;
  cpuSlots: number;
  ioSlots: number;
}

function settings(): WorkerSettings {
  const { EDGELOOM_WORKER } = process.env;
  if (!EDGELOOM_WORKER)
    throw new Error('a worker process is started with its settings in EDGELOOM_WORKER');
  return JSON.parse(EDGELOOM_WORKER) as WorkerSettings;
}

export async function main(): Promise<void> {
  const { address, namespace, workspace, cpuSlots, ioSlots } = settings();
  Runtime.install({ shutdownSignals: ['SIGTERM', 'SIGINT'] });
  const bundle: WorkflowBundle = await workflowBundle();
  const { store, keys } = await openWorkspace(workspace);
  const stages = createActivities({
    stageNames,
    loadStage,
    store,
    workspace,
    child: {
      args: [join(projectRoot, 'cli', 'stage-child.mjs')],
      env: memoryPerStage(ioSlots),
    },
    logFile: (workflowId, node) =>
      join(
        workspace,
        'stage-logs',
        workflowId.replaceAll('/', '-'),
        `${node.replaceAll('/', '-')}.log`,
      ),
  });
  const activities = { ...stages, ...createPrivacyActivities({ workspace, store, keys }) };
  const connection = await NativeConnection.connect({ address });
  const common = { connection, namespace, activities, shutdownGraceTime: '10s' } as const;
  const cpu = await Worker.create({
    ...common,
    taskQueue: CPU_QUEUE,
    maxConcurrentActivityTaskExecutions: cpuSlots,
  });
  const io = await Worker.create({
    ...common,
    taskQueue: IO_QUEUE,
    workflowBundle: bundle,
    maxConcurrentActivityTaskExecutions: ioSlots,
  });
  // Whoever started us is gone: stop like on a signal.
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  const running = Promise.all([cpu.run(), io.run()]);
  process.send?.({ kind: 'ready' });
  await running;
  await connection.close();
  process.exit(0);
}
