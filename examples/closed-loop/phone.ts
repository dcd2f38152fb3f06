/**
 * A phone without a model: it looks at how long its user looked, category by category, with features
 * that the device runtime computes from `features.json`, and acts on it.
 */
import type { DeviceEvent } from '../../data/contracts/device-log.ts';
import type { FeatureInterpreter } from '../../device/features/interpreter.ts';
import type { Action, Observation } from '../../simulator/episode.ts';
import type { Moment } from '../../simulator/policy.ts';

interface Exposure {
  category: string;
  durationMs: number;
}

/** Exposures that are remembered; slots between two requests. */
const [KEPT, SPACING] = [12, 20];
/** Logits per unit of a long look; the look of a category of which something is in the cart. */
const [WEIGHT, MET] = [4, -0.5];

/** One session of one user. */
export class Phone {
  readonly #features: FeatureInterpreter;
  readonly #categoryOf: ReadonlyMap<string, string>;
  #exposures: Exposure[] = [];
  /** Category of what went into the cart last. */
  #met: string | undefined;

  /** @param categoryOf the item table that the phone holds */
  constructor(features: FeatureInterpreter, categoryOf: ReadonlyMap<string, string>) {
    this.#features = features;
    this.#categoryOf = categoryOf;
  }

  /** What to do next. @param moment asked for only where there is a choice */
  act({ events, wants, trigger }: Observation, moment: () => Moment): Action {
    for (const event of events) this.#remember(event);
    if (wants === 'page') return { kind: 'page' };
    const arrived = events.some(({ type }) => type === 'request');
    if (!arrived && !trigger) return { kind: 'look' };
    const now = moment();
    const order = this.#order(now);
    if (order === null) return { kind: 'look' };
    // Nothing was clicked for a while although the phone has an idea of the wish: ask for another page.
    if (trigger === 'exposures' && now.sinceDecision >= SPACING)
      return { kind: 'decide', arm: 'treatment', propensity: 1 };
    return { kind: 'rerank', order, arm: 'phone' };
  }

  #remember(event: DeviceEvent): void {
    const category = 'item_id' in event ? this.#categoryOf.get(event.item_id) : undefined;
    if (category === undefined) return;
    if (event.type === 'page_view' && event.actions?.some(({ block }) => block === 'cart')) {
      // Into the cart: that wish is met, what was looked at before says nothing of the next one.
      this.#met = category;
      this.#exposures = [];
    }
    if (event.type !== 'exposure' || event.ended == null) return;
    this.#exposures.push({ category, durationMs: event.ended - event.started });
    if (this.#exposures.length > KEPT) this.#exposures.shift();
  }

  /** Best first; null while nothing is known of the wish. */
  #order({ unexposed }: Moment): number[] | null {
    if (unexposed.length < 2 || (this.#exposures.length === 0 && !this.#met)) return null;
    const raw = {
      'exposure.duration_ms': this.#exposures.map(({ durationMs }) => durationMs),
      'exposure.category': this.#exposures.map(({ category }) => category),
      'candidate.score': unexposed.map(({ score }) => score),
      'candidate.category': unexposed.map(({ itemId }) => this.#categoryOf.get(itemId) ?? null),
    };
    const column = (name: string) => this.#features.declared(name, raw).values;
    const looks = new Map<number, { sum: number; count: number }>();
    const look = column('look');
    column('seen_category').forEach((category, k) => {
      const { sum, count } = looks.get(category) ?? { sum: 0, count: 0 };
      looks.set(category, { sum: sum + look[k]!, count: count + 1 });
    });
    const wished = (category: number): number => {
      const { sum, count } = looks.get(category) ?? { sum: 0, count: 0 };
      return sum / (count + 1);
    };
    const score = this.#features.dense(raw);
    const category = column('category');
    const worth = Array.from(score, (own, k) => {
      const met = raw['candidate.category'][k] === this.#met;
      return own + WEIGHT * (met ? MET : wished(category[k]!));
    });
    return worth.map((_, k) => k).sort((a, b) => worth[b]! - worth[a]! || a - b);
  }
}
