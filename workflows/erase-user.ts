/**
 * eraseUser: finishes the erasures that wait in a worker's workspace (`edgeloom erase --queue` seals
 * them there). Nothing about the users enters the history: neither input nor result knows an id.
 */
import { proxyActivities } from '@temporalio/workflow';
import type { PrivacyActivities } from '../activities/privacy/as-activities.ts';
import { PROFILES } from './profiles.ts';

export async function eraseUser(): ReturnType<PrivacyActivities['finishErasures']> {
  return proxyActivities<PrivacyActivities>(PROFILES.io).finishErasures();
}
