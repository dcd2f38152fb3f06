/**
 * dailyPipeline: a day of device logs → a released bundle. Workflow id `daily/<date>`.
 *
 *   logs ─► ingest ─► stitch-group ─► stitch ─► check-data ─► features ─► { reranker, uplift, metafusion } ─► bundle ─► release
 *
 * The DAG itself is in dag.ts; this file carries it out with activities and shows where it is.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  defineQuery,
  log,
  proxyActivities,
  rootCause,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { Board } from './board.ts';
import { dailyDag } from './dag.ts';
import { PROFILES, type Profile, profileOf } from './profiles.ts';
import { GATE_STATUS, GIT_SHA, MODEL_NAME, RUN_DATE, STAGE } from './search-attributes.ts';
import type { DailyInput, DailyResult, NodeCall, NodeResult, NodeStatus } from './types.ts';

type StageActivity = (input: Omit<NodeCall, 'stage'> & { force?: boolean }) => Promise<NodeResult>;
type Activities = Record<string, StageActivity>;

export const progressQuery = defineQuery<NodeStatus[]>('progress');

const activityName = (stage: string): string =>
  stage.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The activity of a stage, with its profile's timeouts and a line for the Web UI. */
function activityOf(stage: string, node: string): StageActivity {
  const profile: Profile = PROFILES[profileOf(stage)];
  return proxyActivities<Activities>({ ...profile, summary: node })[activityName(stage)]!;
}

export async function dailyPipeline(input: DailyInput): Promise<DailyResult> {
  const board = new Board();
  setHandler(progressQuery, () => board.list());
  upsertSearchAttributes([
    { key: RUN_DATE, value: input.date },
    { key: GIT_SHA, value: input.gitSha },
    { key: MODEL_NAME, value: 'reranker' },
    { key: GATE_STATUS, value: 'pending' },
  ]);
  const show = (): void => setCurrentDetails(board.markdown(`Pipeline of ${input.date}`));

  const run = async ({ stage, ...call }: NodeCall): Promise<NodeResult> => {
    board.start(call.node);
    upsertSearchAttributes([{ key: STAGE, value: call.node }]);
    show();
    try {
      const result = await activityOf(stage, call.node)({ ...call, force: input.force ?? false });
      board.finish(result);
      show();
      return result;
    } catch (error) {
      const cause = error instanceof ActivityFailure ? rootCause(error) : String(error);
      board.fail(call.node, cause ?? 'unknown');
      show();
      throw error;
    }
  };
  const skip = (nodes: readonly string[], reason: string): void => {
    for (const node of nodes) board.skip(node, reason);
    log.info('skipped', { nodes: [...nodes], reason });
    show();
  };

  if (input.dates.length < 3 || input.dates.at(-1) !== input.date) {
    throw ApplicationFailure.nonRetryable(
      'dates must be at least 3 days, oldest first, and end with date',
      'bad-input',
    );
  }
  try {
    const result = await dailyDag(input, { run, skip });
    upsertSearchAttributes([{ key: GATE_STATUS, value: 'released' }]);
    return result;
  } catch (error) {
    upsertSearchAttributes([{ key: GATE_STATUS, value: 'failed' }]);
    throw error;
  }
}
