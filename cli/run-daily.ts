/** Starts (or joins) `daily/<date>` and follows it to its end. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ServiceError, type WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { checkChannelName } from '../export/release/repository.ts';
import { EdgeloomError } from '../lib/errors.ts';
import type { DailyInput, DailyResult, NodeStatus } from '../workflows/types.ts';
import { checkSettings } from './check-settings.ts';
import { findUserKeyId, openKeyRing, userKeyId } from './key-ring.ts';
import { LiveTree } from './live-tree.ts';
import { completeParams, readDataset, readSettings, windowDates } from './params.ts';
import { openSession, runUrl } from './session.ts';
import { startOrJoin } from './start-daily.ts';
import { openWorkspace, projectRoot } from './workspace.ts';

export interface RunOptions {
  workspace: string;
  logs: string;
  date?: string | undefined;
  days: number;
  config?: string | undefined;
  channel: string;
  force?: boolean | undefined;
  /** No live tree: lines instead. */
  plain: boolean;
  say: (line: string) => void;
}

export interface RunReport extends DailyResult {
  bundleDir: string;
  releaseDir: string;
  workflowId: string;
  runId: string;
  webUi: string;
  /** The server was started for this run and is stopped now. */
  serverStopped: boolean;
  seconds: number;
  nodes: NodeStatus[];
}

const POLL_MS = 500;

/** The commit of the project's checkout; `unknown` outside one. */
export async function gitSha(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', projectRoot, 'rev-parse', 'HEAD']);
    return stdout.trim();
  } catch {
    // Installed from a package, or no git: the version of the package is in the bundle as well.
    return 'unknown';
  }
}

// No key has this id: `plan` and the first look at the options write nothing.
const NO_KEY_YET = 'not made yet';

/**
 * Input of the workflow, from the command's options and the log folder.
 * @param say told when the key of user ids is made; without it, none is made
 */
export async function dailyInput(
  options: Pick<
    RunOptions,
    'workspace' | 'logs' | 'date' | 'days' | 'config' | 'channel' | 'force'
  >,
  backend: string,
  say?: (line: string) => void,
): Promise<DailyInput> {
  const logsDir = resolve(options.logs);
  const dataset = await readDataset(logsDir);
  const date = options.date ?? dataset.last_date;
  checkChannelName(options.channel);
  const keyId = say
    ? await userKeyId(options.workspace, dataset, say)
    : await findUserKeyId(options.workspace, dataset);
  const params = completeParams(await readSettings(options.config), {
    userKeyId: keyId ?? NO_KEY_YET,
    erasedUsers: keyId && (await openKeyRing(options.workspace).erased(keyId))?.id,
    backend,
  });
  const input = {
    date,
    dates: windowDates(dataset, date, options.days),
    logsDir,
    params,
    gitSha: await gitSha(),
    channel: options.channel,
    force: options.force ?? false,
  };
  // The defaults fit; a look at all stages takes seconds.
  if (!say && options.config) await checkSettings(input, options.config);
  return input;
}

interface Heartbeat {
  node: string;
  message: string;
}

/** What the activities in flight said last, by node. */
async function activityProgress(handle: WorkflowHandle): Promise<Map<string, string>> {
  const { raw } = await handle.describe();
  const said = new Map<string, string>();
  for (const { heartbeatDetails } of raw.pendingActivities ?? []) {
    const payload = heartbeatDetails?.payloads?.[0];
    if (!payload) continue;
    const { node, message } = defaultPayloadConverter.fromPayload<Heartbeat>(payload);
    said.set(node, message);
  }
  return said;
}

/** Runs the pipeline to its end. Ctrl-C cancels the workflow and stops what was started. */
export async function runDaily(options: RunOptions): Promise<RunReport> {
  const started = Date.now();
  const abort = new AbortController();
  const onInterrupt = (): void => {
    if (abort.signal.aborted)
      options.say('Ending: waiting until all that was started has stopped.');
    abort.abort();
  };
  // Kept until the end: a second Ctrl-C must not leave a server and a worker behind.
  for (const name of ENDING_SIGNALS) process.on(name, onInterrupt);
  // Wrong options should be known before anything is started.
  await dailyInput(options, 'cpu');
  const session = await openSession({
    workspace: options.workspace,
    say: options.say,
    onWorkerFailure: (error) => abort.abort(error),
    signal: abort.signal,
  });
  try {
    const input = await dailyInput(options, session.backend, options.say);
    const { handle, runId, joined } = await startOrJoin(session.client, input);
    const webUi = runUrl(session.server, handle.workflowId, runId);
    options.say(`${joined ? 'Joined the run of' : 'Workflow'} ${handle.workflowId}: ${webUi}`);
    if (joined)
      options.say('It was started elsewhere with equal input; Ctrl-C here ends it there too.');
    const nodes = await follow(handle, options.plain, abort.signal);
    const result = (await handle.result()) as DailyResult;
    const { store, releaseDir } = await openWorkspace(options.workspace);
    return {
      ...result,
      bundleDir: await store.open(result.bundle),
      releaseDir,
      workflowId: handle.workflowId,
      runId,
      webUi,
      serverStopped: session.server.startedByUs,
      seconds: (Date.now() - started) / 1000,
      nodes,
    };
  } finally {
    await session.stop();
    for (const name of ENDING_SIGNALS) process.off(name, onInterrupt);
  }
}

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const CANCEL_GRACE_MS = 20_000;

/** Asks the workflow to end and waits for it; ends it by force when nobody answers. */
async function cancelAndWait(handle: WorkflowHandle, ended: Promise<unknown>): Promise<void> {
  await handle.cancel();
  const abort = new AbortController();
  const inTime = await Promise.race([
    ended.then(() => true),
    sleep(CANCEL_GRACE_MS, false, { signal: abort.signal }),
  ]);
  if (inTime) abort.abort();
  else {
    await handle.terminate('cancelled, and no worker answered');
    await ended;
  }
}

/** Draws the live tree until the workflow ends. */
async function follow(
  handle: WorkflowHandle,
  plain: boolean,
  signal: AbortSignal,
): Promise<NodeStatus[]> {
  const tree = new LiveTree(plain);
  const drawing = tree.run();
  let nodes: NodeStatus[] = [];
  let ended = false;
  const outcome = handle
    .result()
    .then(
      () => undefined,
      (error: unknown) => error,
    )
    .finally(() => {
      ended = true;
    });
  const poll = async (): Promise<void> => {
    try {
      nodes = await handle.query<NodeStatus[]>('progress');
      tree.update(nodes, await activityProgress(handle));
    } catch {
      // Queries fail while a worker is being replaced; the workflow's own outcome is what counts.
    }
  };
  try {
    while (!ended && !signal.aborted) {
      await poll();
      await Promise.race([outcome, sleep(POLL_MS)]);
    }
    if (signal.aborted) await cancelAndWait(handle, outcome);
    else await poll();
  } finally {
    tree.finish();
    await drawing;
  }
  if (signal.aborted) throw cancelled(handle, signal.reason);
  const error = await outcome;
  if (error) throw failed(error, nodes, handle);
  return nodes;
}

function cancelled(handle: WorkflowHandle, reason: unknown): EdgeloomError {
  if (reason instanceof EdgeloomError) return reason;
  return new EdgeloomError({
    code: 'cancelled',
    what: `The run of ${handle.workflowId} was cancelled`,
    fix: 'run the same command again: finished stages are reused, training resumes from its checkpoint',
    exitCode: 130,
  });
}

function failed(error: unknown, nodes: NodeStatus[], handle: WorkflowHandle): EdgeloomError {
  if (error instanceof ServiceError) {
    return new EdgeloomError(
      {
        code: 'temporal-lost',
        what: `The Temporal server stopped answering during ${handle.workflowId}`,
        where: error.cause instanceof Error ? error.cause.message : error.message,
        fix: 'run the same command again: the server is started anew and finished stages are reused',
      },
      { cause: error },
    );
  }
  const broken = nodes.filter(({ state }) => state === 'failed');
  const what = broken.map(({ node, reason }) => `${node}: ${reason}`).join('\n') || String(error);
  return new EdgeloomError(
    {
      code: 'pipeline-failed',
      what: `The pipeline ${handle.workflowId} failed.\n${what}`,
      fix: 'mend it and run the same command again: finished stages are reused',
    },
    { cause: error },
  );
}
