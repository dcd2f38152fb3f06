/** Erasure and retention as Temporal activities. What they return says how much, never who. */
import { Context } from '@temporalio/activity';
import type { RunOptions } from '../../lib/progress.ts';
import { asFailure } from '../runtime/as-activities.ts';
import { resumeErasures } from './erase.ts';
import { applyRetention } from './retention.ts';
import type { Estate } from './types.ts';

const HEARTBEAT_INTERVAL_MS = 3_000;

async function beating<T>(work: (options: RunOptions) => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), HEARTBEAT_INTERVAL_MS);
  try {
    return await work({ signal: context.cancellationSignal });
  } catch (error) {
    throw asFailure(error);
  } finally {
    clearInterval(timer);
  }
}

/** What Temporal's history holds of them: how much, never who. */
export interface PrivacyActivities {
  /** `left`: places in which the search still found a trace, or could not read; 0 proves absence. */
  finishErasures(): Promise<{ auditId: string; left: number }[]>;
  /** `changed`: artifacts that were cut or removed. */
  applyRetention(input: {
    keepDays: number;
    asOf: string;
  }): Promise<{ auditId: string; changed: number }>;
}

export const createPrivacyActivities = (estate: Estate): PrivacyActivities => ({
  finishErasures: () =>
    beating(async (options) =>
      (await resumeErasures(estate, options)).map(({ record, found }) => ({
        auditId: record.id,
        left: found.places.length + found.unread.length,
      })),
    ),
  applyRetention: (input) =>
    beating(async (options) => {
      const { id, changes } = await applyRetention(estate, input, options);
      return { auditId: id, changed: (changes as unknown[]).length };
    }),
});
