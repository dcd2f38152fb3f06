/**
 * The features that are declared besides those that the models read: fitted on the training days,
 * written to `tensors/declared/`, shipped in features.json. A model reads one only when the settings
 * name it (`inputs`).
 */

import { FEEDBACK_KINDS, PAGE_BLOCKS } from '../../contracts/device-log.ts';
import type { Declaration, DeclaredExpression } from '../../contracts/feature-declaration.ts';
import type { FeaturesConfig } from '../config.ts';
import {
  categoryId,
  clip,
  cross,
  decay,
  difference,
  hash,
  inBuckets,
  scaled,
  source,
  yes,
} from '../declare.ts';

/** A page on which somebody stays longer was left open; more looks than this say nothing more. */
const LONGEST_DWELL_MS = 600_000;
const MOST_COUNTS = 20;
const FASTEST_KBPS = 1_000_000;
const LONGEST_BUFFER_MS = 120_000;

/** Texts that apps make up and extend: a new one shares a bucket instead of the place of all others. */
const HASHED = { buckets: 4 };

/** A number in buckets, and crossed with what says how the other item was taken. */
const crossed = (
  name: string,
  expression: DeclaredExpression,
  others: Record<string, DeclaredExpression>,
): Declaration[] => [
  { name, expression },
  ...Object.entries(others).map(([other, of]) => ({
    name: `${name}_x_${other}`,
    expression: cross(expression, of),
  })),
];

/** Dwell and use of the blocks of a page, and where the click came from. */
const pages = (axis: 'page_view' | 'click', most: number): Declaration[] => [
  { name: `${axis}_source_hash`, expression: hash(`${axis}.source`, most, HASHED.buckets) },
  { name: `${axis}_duration`, expression: scaled(`${axis}.duration_ms`, LONGEST_DWELL_MS) },
  ...PAGE_BLOCKS.map((block) => ({
    name: `${axis}_${block}_dwell`,
    expression: scaled(`${axis}.${block}_dwell_ms`, LONGEST_DWELL_MS),
  })),
];

/** What the differences of CIKM 2022's short-video reranker are crossed with. */
const watchedAs = (): Record<string, DeclaredExpression> => ({
  category: categoryId('watched'),
  ...Object.fromEntries(FEEDBACK_KINDS.map((kind) => [kind, yes(`watched.${kind}`)])),
});

/** Names are in features.json and in the tensors: never one name for another meaning. */
export function shippedDeclarations(config: FeaturesConfig): Declaration[] {
  const { actionBuckets, contextBuckets, decayBuckets, maxValues } = config;
  const feedback: DeclaredExpression = {
    op: 'one_hot',
    of: source('exposure.delete_reason'),
    values: { most: maxValues },
  };
  const shown = { category: categoryId('exposure'), feedback };
  const buckets = (of: DeclaredExpression): DeclaredExpression => inBuckets(of, actionBuckets);
  return [
    // Of the moment.
    { name: 'scene_hash', expression: hash('moment.scene', maxValues, HASHED.buckets) },
    { name: 'trigger_hash', expression: hash('moment.trigger', maxValues, HASHED.buckets) },
    {
      name: 'session_click_ratio',
      expression: buckets({
        ...{ op: 'ratio', of: source('moment.session_clicks') },
        ...{ by: source('moment.session_exposures'), smoothing: 1 },
      }),
    },
    {
      name: 'network_kbps',
      expression: inBuckets(clip(source('moment.network_kbps'), 0, FASTEST_KBPS), contextBuckets),
    },
    {
      name: 'buffered_ms',
      expression: inBuckets(
        clip(source('moment.buffered_ms'), 0, LONGEST_BUFFER_MS),
        contextBuckets,
      ),
    },
    // Exposures.
    { name: 'exposure_count_clipped', expression: scaled('exposure.count', MOST_COUNTS) },
    { name: 'exposure_feedback_x_category', expression: cross(feedback, shown.category) },
    ...crossed('score_difference', buckets(difference('candidate.score', 'exposure.score')), shown),
    // The candidate would be shown now.
    ...crossed('time_difference', buckets(difference('moment.now', 'exposure.started')), shown),
    ...crossed(
      'position_difference',
      buckets(difference('candidate.position', 'exposure.position')),
      shown,
    ),
    // Page views of the session, clicks of the device, carts, orders.
    ...pages('page_view', maxValues),
    {
      name: 'page_view_bought_x_category',
      expression: cross(yes('page_view.bought'), categoryId('page_view')),
    },
    ...pages('click', maxValues),
    { name: 'click_category', expression: categoryId('click') },
    { name: 'click_decay', expression: decay('click.ended', decayBuckets) },
    { name: 'cart_category', expression: categoryId('cart') },
    { name: 'cart_decay', expression: decay('cart.ended', decayBuckets) },
    { name: 'order_category', expression: categoryId('order') },
    { name: 'order_decay', expression: decay('order.ts', decayBuckets) },
    // Videos that were watched.
    { name: 'watched_category', expression: categoryId('watched') },
    { name: 'watched_decay', expression: decay('watched.ended', decayBuckets) },
    { name: 'watched_time', expression: scaled('watched.watch_ms', LONGEST_DWELL_MS) },
    {
      name: 'watched_fraction',
      expression: buckets(
        // A video that repeats is watched more than once; twice is as good as more.
        clip(
          {
            ...{ op: 'ratio', of: source('watched.watch_ms') },
            ...{ by: source('watched.duration_ms'), smoothing: 0 },
          },
          0,
          2,
        ),
      ),
    },
    ...FEEDBACK_KINDS.map((kind) => ({
      name: `watched_${kind}`,
      expression: yes(`watched.${kind}`),
    })),
    ...crossed(
      'watched_score_difference',
      buckets(difference('candidate.score', 'watched.score')),
      watchedAs(),
    ),
    ...crossed(
      'watched_time_difference',
      buckets(difference('moment.now', 'watched.started')),
      watchedAs(),
    ),
    ...crossed(
      'watched_position_difference',
      buckets(difference('candidate.position', 'watched.position')),
      watchedAs(),
    ),
    // Videos of the order that the phone has.
    { name: 'ordered_category', expression: categoryId('ordered') },
    ...crossed(
      'ordered_score_difference',
      buckets(difference('candidate.score', 'ordered.score')),
      { category: categoryId('ordered') },
    ),
    ...crossed(
      'ordered_position_difference',
      buckets(difference('candidate.position', 'ordered.position')),
      { category: categoryId('ordered') },
    ),
  ];
}
