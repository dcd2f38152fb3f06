/**
 * Device code in a closed loop: a phone asks the simulated world for pages, reorders them and inserts
 * requests, and the world's users answer. The same users meet the same phone without a mind of its own,
 * and both once more in the world whose details are noise.
 *
 *   npm run example examples/closed-loop/main.ts
 */
import { readFileSync } from 'node:fs';
import { FeatureInterpreter } from '../../device/features/interpreter.ts';
import { itemRowOf } from '../../simulator/catalogue.ts';
import type { Action, Observation } from '../../simulator/episode.ts';
import { changeWorld } from '../../simulator/params.ts';
import type { Moment } from '../../simulator/policy.ts';
import { World } from '../../simulator/world.ts';
import { readWorld } from '../../simulator/worlds.ts';
import { Phone } from './phone.ts';

type Mind = (seen: Observation, moment: () => Moment) => Action;

const json: unknown = JSON.parse(readFileSync(new URL('features.json', import.meta.url), 'utf8'));
const features = FeatureInterpreter.open(json);

/** Shows pages as they come. */
const still: Mind = ({ wants }) => ({ kind: wants === 'page' ? 'page' : 'look' });

/** Plays two days. @returns clicks of each user, with what was asked for */
function play(name: string, mindOf: (world: World) => Mind) {
  const world = new World(changeWorld(readWorld(name).params, { days: 2 }));
  const clicks = new Float64Array(world.population.count);
  const counts: Record<string, number> = {};
  for (let day = 0; day < 2; day++) {
    if (day > 0) world.advance();
    for (const planned of world.plan()) {
      const mind = mindOf(world);
      const episode = world.begin(planned);
      let seen = episode.observe();
      while (seen.wants !== 'nothing') {
        const action = mind(seen, () => episode.moment());
        counts[action.kind] = (counts[action.kind] ?? 0) + 1;
        seen = world.step(episode, action);
        for (const { type } of seen.events) if (type === 'page_view') clicks[planned.user]! += 1;
      }
    }
  }
  return { clicks, counts };
}

function phoneOf(world: World): Mind {
  const { catalogue } = world;
  const categories = new Map(
    catalogue.ids.map((id, item) => [id, itemRowOf(catalogue, item).category!]),
  );
  const phone = new Phone(features, categories);
  return (seen, moment) => phone.act(seen, moment);
}

for (const name of ['default', 'null-no-detail-signal']) {
  const before = play(name, () => still);
  const after = play(name, phoneOf);
  const total = before.clicks.reduce((sum, x) => sum + x, 0);
  const gains = after.clicks.map((x, user) => x - before.clicks[user]!);
  const gain = gains.reduce((sum, x) => sum + x, 0);
  // Users are independent of one another.
  const error = 1.96 * Math.sqrt(gains.reduce((sum, x) => sum + (x - gain / gains.length) ** 2, 0));
  const { rerank = 0, decide = 0 } = after.counts;
  const share = [gain, gain - error, gain + error].map((x) => ((100 * x) / total).toFixed(1));
  console.log(
    `${name}: ${total} clicks without, ${total + gain} with the phone (${rerank} reranks, ${decide} requests): ${share[0]} % [${share[1]}, ${share[2]}]`,
  );
}
