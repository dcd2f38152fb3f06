/** Turns stages into Temporal activities: content-key look-up, child process, heartbeats, failures. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Store } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { Progress } from '../../lib/progress.ts';
import { type ChildCommand, runStageInChild, StageFailure } from './child.ts';
import { isPermanent } from './child-protocol.ts';
import { lookUp, reusedResult, type StageInput, type StageResult } from './run-stage.ts';
import { passGate, type Stage } from './stage.ts';

export interface ActivityDependencies {
  stageNames: readonly string[];
  loadStage(name: string): Promise<Stage>;
  store: Store;
  workspace: string;
  child: ChildCommand;
  /** Log file of a node's processes. */
  logFile(workflowId: string, node: string): string;
}

export type StageActivity = (input: StageInput & { force?: boolean }) => Promise<StageResult>;

const HEARTBEAT_INTERVAL_MS = 3_000;

/** `train-reranker` → `trainReranker`. */
export const activityName = (stage: string): string =>
  stage.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A failure that says whether another attempt can help. */
export function asFailure(error: unknown): unknown {
  if (!(error instanceof EdgeloomError)) return error;
  const permanent = error instanceof StageFailure ? error.permanent : isPermanent(error.code);
  return ApplicationFailure.create({
    message: error.describe(),
    type: error.code,
    nonRetryable: permanent,
    details: [{ code: error.code, where: error.where ?? null, fix: error.fix ?? null }],
  });
}

/** One activity per stage, named after it. */
export function createActivities(deps: ActivityDependencies): Record<string, StageActivity> {
  const activities: Record<string, StageActivity> = {};
  for (const name of deps.stageNames) {
    activities[activityName(name)] = async (input) => {
      const context = Context.current();
      let progress: Progress = { message: 'looking for an earlier result', fraction: 0 };
      const beat = (): void => context.heartbeat({ ...progress, node: input.node });
      const timer = setInterval(beat, HEARTBEAT_INTERVAL_MS);
      beat();
      try {
        const stage = await deps.loadStage(name);
        const found = await lookUp(deps.store, stage, input, {
          signal: context.cancellationSignal,
        });
        if (found.hit && (stage.external || !input.force)) {
          passGate(stage, found.record);
          return reusedResult(stage, input, found.record, found.reason);
        }
        const { workflowExecution } = context.info;
        const result = await runStageInChild(
          deps.child,
          { stage: stage.name, input, workspace: deps.workspace, force: input.force ?? false },
          deps.logFile(workflowExecution?.workflowId ?? 'no-workflow', input.node),
          {
            signal: context.cancellationSignal,
            onProgress: (next) => {
              progress = next;
              beat();
            },
          },
        );
        passGate(stage, result);
        return result;
      } catch (error) {
        throw asFailure(error);
      } finally {
        clearInterval(timer);
      }
    };
  }
  return activities;
}
