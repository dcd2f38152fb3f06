/** Moments of a small world for tests of what an order is worth. */
import { Random } from '../lib/random.ts';
import { changeWorld, worldParams } from './params.ts';
import type { Session } from './session.ts';
import { World } from './world.ts';

export const params = worldParams.parse({ days: 1, users: { count: 60, sessionsPerDay: 1 } });

/** Sessions in the middle of a page, with `unseen` items left below the `above` ones. */
export function midPage(of: typeof params, unseen: number, count: number, above = 3): Session[] {
  const world = new World(changeWorld(of, { ranker: { page: unseen + above } }));
  const found: Session[] = [];
  for (const planned of world.plan()) {
    if (found.length === count) break;
    const episode = world.begin(planned);
    let seen = world.step(episode, { kind: 'page' });
    for (let slot = 0; slot < above && seen.wants === 'slot'; slot++)
      seen = world.step(episode, { kind: 'look' });
    if (seen.wants === 'slot' && episode.moment().unexposedCount === unseen)
      found.push(episode.hidden(Random.of(1)));
    if (seen.wants !== 'nothing') world.step(episode, { kind: 'end' });
  }
  return found;
}
