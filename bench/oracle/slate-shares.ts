/** What models' orders of the test day are worth in the world, as shares of the oracle's gain. */
import { Random } from '../../lib/random.ts';
import {
  type BootstrapResult,
  bootstrapUsers,
  ratioOverUsers,
  type WeightedStatistic,
} from '../../models/metrics/bootstrap.ts';
import { bestValue } from '../../simulator/oracle.ts';
import { SlateTables } from '../../simulator/slate-tables.ts';
import type { PlayedWorld } from './fresh-world.ts';
import { slateMoments } from './replay.ts';
import { otherWorld, testSlates } from './test-day.ts';

/** A slate's expected clicks in the next slots under each order. */
export interface ValuedSlate {
  /** `page`: a page that has just arrived; `moment`: the rest of one after a click or delete. */
  kind: 'page' | 'moment';
  user: number;
  initial: number;
  oracle: number;
  models: Record<string, number>;
}

/**
 * Values orders of the test day's slates: `slates` pages, evenly drawn, and as many moments if there are.
 * @param scores by model, row-major [rows of the day, candidates]
 */
export async function valueSlates(
  played: PlayedWorld,
  scores: Record<string, Float32Array>,
  slates: number,
): Promise<ValuedSlate[]> {
  const random = Random.of(played.seed, 'valued slates');
  const samples = random.shuffle(await testSlates(played));
  const pages = samples.filter(({ kind }) => kind === 'request').slice(0, slates);
  const reranks = samples.filter(({ kind }) => kind === 'rerank');
  const chosen = [...pages, ...reranks];
  const moments = slateMoments(played.params, new Set(chosen.map(({ id }) => id)));
  const valued: ValuedSlate[] = [];
  let left = slates;
  for (const { id, kind, row, user, items } of chosen) {
    const moment = moments.get(id);
    if (kind === 'rerank' && (!moment || left-- <= 0)) continue;
    if (!moment || moment.items.join() !== items.join()) throw otherWorld(`sample ${id}`);
    const { valuer } = moment;
    const tables = new SlateTables(valuer);
    const initial = items.map((_, k) => k);
    const models: Record<string, number> = {};
    for (const [name, all] of Object.entries(scores)) {
      const at = row * CANDIDATES;
      const order = [...initial].sort((a, b) => all[at + b]! - all[at + a]! || a - b);
      models[name] = valuer.value(order).clicks;
    }
    valued.push({
      kind: kind === 'request' ? 'page' : 'moment',
      user,
      initial: valuer.value(initial).clicks,
      oracle: bestValue(valuer, tables, 'clicks', random),
      models,
    });
  }
  return valued;
}

/** Width of a slate in the tensors. */
const CANDIDATES = 50;

/**
 * Shares of the oracle's gain over the initial order, resampled by users; 'initial' is 0, 'oracle' 1.
 * @param parts slates of independent worlds, whose users are others
 */
export function sharesOfOracle(
  parts: readonly (readonly ValuedSlate[])[],
  seed: number,
): BootstrapResult<string> {
  const slates = parts.flatMap((part, p) =>
    part.map((slate) => ({ ...slate, who: `${p} ${slate.user}` })),
  );
  const users = new Map<string, number>();
  for (const { who } of slates) if (!users.has(who)) users.set(who, users.size);
  const perUser = (of: (slate: ValuedSlate) => number): Float64Array => {
    const sums = new Float64Array(users.size);
    for (const slate of slates) sums[users.get(slate.who)!]! += of(slate);
    return sums;
  };
  const gain = perUser(({ oracle, initial }) => oracle - initial);
  const statistics: Record<string, WeightedStatistic> = {};
  for (const name of Object.keys(slates[0]?.models ?? {})) {
    statistics[name] = ratioOverUsers(
      perUser(({ models, initial }) => models[name]! - initial),
      gain,
    );
  }
  return bootstrapUsers(users.size, statistics, { seed });
}
