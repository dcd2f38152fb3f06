/** retention: removes what is older than some days. Start it on a schedule, with `asOf` left out for today. */
import { proxyActivities } from '@temporalio/workflow';
import type { PrivacyActivities } from '../activities/privacy/as-activities.ts';
import { PROFILES } from './profiles.ts';

interface RetentionInput {
  /** Business days that stay. */
  keepDays: number;
  /** The last of them, YYYY-MM-DD; the day on which the workflow runs, in UTC, unless told. */
  asOf?: string;
}

export async function retention({
  keepDays,
  asOf,
}: RetentionInput): ReturnType<PrivacyActivities['applyRetention']> {
  // Temporal's clock: a replay sees the same day.
  const today = new Date().toISOString().slice(0, 10);
  const activities = proxyActivities<PrivacyActivities>(PROFILES.io);
  return activities.applyRetention({ keepDays, asOf: asOf ?? today });
}
