/** Starts `daily/<date>`, or joins the run of that date when it does the very same. */
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { EdgeloomError } from '../lib/errors.ts';
import { canonicalJson, sha256 } from '../lib/hash.ts';
import { IO_QUEUE } from '../workflows/profiles.ts';
import { GIT_SHA, RUN_DATE } from '../workflows/search-attributes.ts';
import type { DailyInput } from '../workflows/types.ts';

export interface Started {
  handle: WorkflowHandle;
  runId: string;
  /** The run was under way: its input is equal, so its bundle is the one that was asked for. */
  joined: boolean;
}

/** What the memo of a run keeps of its input: a hash, part by part, so that a refusal can name what differs. */
export type InputHashes = Record<string, string>;

export const inputHashes = (input: DailyInput): InputHashes =>
  Object.fromEntries(
    Object.entries({ force: false, ...input }).map(([part, value]) => [
      part,
      sha256(canonicalJson(value)).slice(0, 16),
    ]),
  );

// How the parts of the input are given on the command line.
const GIVEN_AS: Record<string, string> = {
  dates: '--days',
  logsDir: '--logs',
  params: '--config or the backend',
  channel: '--channel',
  force: '--force',
  gitSha: 'the checked-out commit',
};

/** What is asked for that the run under way does not do; empty when it may be joined. */
export function differences(asked: InputHashes, running: InputHashes): string[] {
  const parts = new Set([...Object.keys(asked), ...Object.keys(running)]);
  return [...parts]
    .filter((part) => asked[part] !== running[part])
    .sort()
    .map((part) => GIVEN_AS[part] ?? part);
}

/** @throws EdgeloomError `run-in-progress` when the date runs with another input */
export async function startOrJoin(client: Client, input: DailyInput): Promise<Started> {
  const workflowId = `daily/${input.date}`;
  const asked = inputHashes(input);
  try {
    const handle = await client.workflow.start('dailyPipeline', {
      taskQueue: IO_QUEUE,
      workflowId,
      args: [input],
      // A date cannot run twice at once; a finished date may run again and reuses what it can.
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `device logs of ${input.date} → bundle on ${input.channel}`,
      memo: { input: asked },
      typedSearchAttributes: [
        { key: RUN_DATE, value: input.date },
        { key: GIT_SHA, value: input.gitSha },
      ],
    });
    return { handle, runId: handle.firstExecutionRunId, joined: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  const { runId, status, memo } = await client.workflow.getHandle(workflowId).describe();
  // It ended between the two calls.
  if (status.name !== 'RUNNING') return startOrJoin(client, input);
  const different = differences(asked, (memo?.input ?? {}) as InputHashes);
  if (different.length > 0) {
    throw new EdgeloomError({
      code: 'run-in-progress',
      what: `A run of ${input.date} is under way, and it differs in ${different.join(', ')}`,
      where: `workflow ${workflowId}, run ${runId}`,
      fix: 'wait for its end or end it with Ctrl-C where it was started, then run this command again',
    });
  }
  return { handle: client.workflow.getHandle(workflowId, runId), runId, joined: true };
}
