/**
 * What is expected of every table: one declaration, compiled to SQL by `row-rules.ts`, `references.ts`,
 * `rates.ts` and `drift.ts`. Shares are of the rows that the rule can say something about.
 */
import {
  categorical,
  MAY_CHANGE,
  mostly,
  numeric,
  range,
  rate,
  refers,
  required,
  rule,
  type TableExpectations,
} from './expectation.ts';
import type { Limits } from './result.ts';

const HOUR_MS = 3_600_000;
/** 2001-09-09 … 2286-11-20, as the contract of the log has it. */
const EPOCH_MS = [1e12, 1e13 - 1] as const;

/** A reference that clocks and the edge of the window may break now and then. */
const MOST: Limits = { warn: 0.02, stop: 0.1 };
/** What a few odd devices may do. */
const FEW: Limits = { warn: 0.01, stop: 0.05 };

/** Rates between which a label can be learnt from; a constant one cannot. */
const LEARNABLE: Limits = { stop: [1e-5, 0.95] };
const USEFUL: Limits = { warn: [1e-5, 0.95] };
const SHIFT: Limits = { warn: [0.75, 1.33], stop: [0.4, 2.5] };
/** Rare labels vary more. */
const RARE_SHIFT: Limits = { warn: [0.6, 1.67], stop: [0.2, 5] };

const envelope = [
  ...required('event_id', 'user_key', 'ts'),
  range('ts', ...EPOCH_MS),
  rule(
    'date',
    'lie under another business day than that of their time',
    `"date" = date '1970-01-01' + cast((ts + $offsetMs) // 86400000 as integer)`,
    'ingest the logs again with the utc_offset_minutes of the source',
  ),
  rule(
    'received_ts',
    'were received more than an hour before their device time',
    `received_ts >= ts - ${HOUR_MS}`,
    "look for devices whose clock runs ahead, or lower the ingest's maxAheadMs",
    FEW,
  ),
];

const times = (longestMs: number) => [
  required('started')[0]!,
  rule(
    'ended',
    'end before they start',
    'ended >= started',
    'look at the clock of the app version that wrote them',
  ),
  rule(
    'duration_ms',
    `last longer than ${longestMs / 60_000} minutes`,
    `ended - started <= ${longestMs}`,
    'let the app end an exposure when it goes to the background',
    FEW,
  ),
];

const toItems = refers(
  ['item_id'],
  'tables.items',
  MOST,
  'export the item table after the last item that the logs name',
);
const toRequest = refers(
  ['request_id'],
  'request',
  MOST,
  'look for lost request files of the same day; exposures without their request have no slate',
);

/** The exposed candidates of slates whose label is known. */
const among = (label: string): string => `if(${label} is null, null, exposed)`;

const event = { grain: [['event_id']], rowKey: 'event_id', dated: true } as const;
const versions = categorical('app_version', undefined, MAY_CHANGE);

export const EXPECTATIONS: readonly TableExpectations[] = [
  {
    ...event,
    table: 'request',
    grain: [['event_id'], ['request_id']],
    derived: { candidate_count: 'len(candidates)' },
    expectations: [
      ...envelope,
      ...required('request_id', 'candidate_count'),
      range('propensity', 0, 1),
      range('page_no', 0, 10_000),
      range('candidate_count', 1, 1_000),
    ],
    drift: [
      versions,
      categorical('trigger'),
      categorical('scene'),
      numeric('page_no'),
      numeric('candidate_count'),
    ],
  },
  {
    ...event,
    table: 'rerank',
    derived: {
      length: 'len(order_before)',
      same_items: 'list_sort(order_before) = list_sort(order_after)',
    },
    expectations: [
      ...envelope,
      ...required('request_id', 'length'),
      toRequest,
      rule(
        'order_after',
        'reorder to another set of items',
        'same_items',
        'look at the reranker of that model version on the phone',
        FEW,
      ),
    ],
    drift: [categorical('trigger'), categorical('arm'), numeric('length')],
  },
  {
    ...event,
    table: 'exposure',
    expectations: [
      ...envelope,
      ...required('item_id'),
      ...times(6 * HOUR_MS),
      mostly('request_id', MOST),
      mostly('ended', { warn: 0.1, stop: 0.5 }),
      range('position', 0, 5_000),
      toRequest,
      toItems,
    ],
    drift: [
      numeric('position'),
      numeric('duration_ms', 'ended - started'),
      numeric('scroll_speed'),
      numeric('count'),
    ],
  },
  {
    ...event,
    table: 'page_view',
    expectations: [
      ...envelope,
      ...required('item_id'),
      ...times(24 * HOUR_MS),
      mostly('request_id', MOST),
      refers(
        ['request_id', 'item_id'],
        'exposure',
        MOST,
        'look for lost exposure files: a click without its exposure is no label',
      ),
      toItems,
    ],
    drift: [numeric('duration_ms', 'ended - started'), categorical('source')],
  },
  {
    ...event,
    table: 'play',
    expectations: [
      ...envelope,
      ...required('item_id', 'watch_ms'),
      range('watch_ms', 0, 24 * HOUR_MS),
      toItems,
    ],
    drift: [numeric('watch_ms'), numeric('duration_ms')],
  },
  {
    ...event,
    table: 'feedback',
    expectations: [...envelope, ...required('item_id', 'kind'), toItems],
    drift: [categorical('kind')],
  },
  {
    ...event,
    table: 'order',
    expectations: [
      ...envelope,
      ...required('item_id'),
      range('quantity', 0, 10_000, FEW),
      range('amount', 0, 1e9, FEW),
      toItems,
    ],
    drift: [numeric('amount')],
  },
  {
    ...event,
    table: 'client_state',
    expectations: envelope,
    drift: [numeric('network_kbps'), numeric('buffered_ms')],
  },
  {
    ...event,
    table: 'decision',
    grain: [['event_id'], ['decision_id']],
    derived: { unexposed_count: 'len(unexposed)' },
    expectations: [
      ...envelope,
      ...required('decision_id'),
      range('propensity', 0, 1),
      rule(
        'arm',
        'got an arm that their propensity excludes',
        `case when propensity between 0 and 1 then
          case arm when 'treatment' then propensity > 0 when 'control' then propensity < 1 end end`,
        'log the propensity that the arm was drawn with',
      ),
      mostly('arm', { warn: 0.5 }),
      rule(
        'propensity',
        'have an arm and no propensity',
        'case when arm is not null then propensity is not null end',
        'log the probability of treatment with every drawn arm',
        FEW,
      ),
      toRequest,
    ],
    drift: [numeric('depth'), numeric('propensity'), numeric('unexposed_count')],
  },
  {
    ...event,
    table: 'model_report',
    expectations: [...envelope, ...required('model'), range('latency_ms', 0, 60_000, FEW)],
    drift: [numeric('latency_ms'), categorical('model'), categorical('error', 'error is not null')],
  },
  {
    table: 'tables.items',
    grain: [['item_id', 'valid_from']],
    rowKey: 'item_id',
    dated: false,
    expectations: [
      ...required('item_id', 'valid_from'),
      range('duration_ms', 0, 24 * HOUR_MS, FEW),
    ],
    drift: [],
  },
  {
    table: 'tables.users',
    grain: [['user_key', 'valid_from']],
    rowKey: null,
    dated: false,
    expectations: required('user_key', 'valid_from'),
    drift: [],
  },
  {
    table: 'tables.history',
    grain: [['user_key', 'as_of']],
    rowKey: null,
    dated: false,
    expectations: required('user_key', 'as_of'),
    drift: [],
  },
  {
    table: 'samples.rerank',
    grain: [['sample_id']],
    rowKey: 'sample_id',
    dated: true,
    derived: {
      candidates: 'len(cand_item)',
      labels: 'len(label_exposed)',
      exposed: 'list_sum(label_exposed)',
      clicked: 'list_sum(label_click)',
      ordered: 'list_sum(label_order)',
      liked: 'list_sum(label_like)',
      mean_score: 'list_avg(cand_score)',
      last_exposure_end: 'list_max(exp_ended)',
    },
    expectations: [
      ...required('sample_id', 'slate_id', 'user_key', 'decision_ts', 'candidates'),
      range('hour', 0, 23),
      rule(
        'label_exposed',
        'have labels of another length than their candidates',
        'candidates = labels',
        'stitch the lake again',
      ),
      rule(
        'label_click',
        'have more clicks than exposures',
        'clicked <= exposed',
        'stitch the lake again',
      ),
      rule(
        'exp_ended',
        'know of an exposure that had not ended',
        'last_exposure_end < decision_ts',
        'stitch the lake again: a sample must not see its future',
      ),
      rate('label_click', 'clicked', 'exposed', LEARNABLE, SHIFT),
      rate('label_order', 'ordered', among('ordered'), { warn: [1e-6, 0.5] }, RARE_SHIFT),
      rate('label_like', 'liked', among('liked'), { warn: [1e-6, 0.7] }, RARE_SHIFT),
      rate('label_exposed', 'exposed', 'labels', { stop: [0.005, 1] }, SHIFT),
    ],
    drift: [
      numeric('mean_score'),
      numeric('candidates'),
      numeric('hour'),
      numeric('session_exposures'),
      numeric('session_clicks'),
      categorical('scene'),
      categorical('trigger'),
      categorical('kind'),
    ],
  },
  {
    table: 'samples.decisions',
    grain: [['sample_id']],
    rowKey: 'sample_id',
    dated: true,
    expectations: [
      ...required('sample_id', 'decision_id', 'user_key', 'decision_ts'),
      range('propensity', 0, 1),
      range('hour', 0, 23),
      rate(
        'label_order_n20',
        'label_order_n20',
        'if(matured = 1 and label_order_n20 is not null, 1, null)',
        USEFUL,
        RARE_SHIFT,
      ),
      rate(
        'label_click_n10',
        'label_click_n10',
        'if(matured = 1 and label_click_n10 is not null, 1, null)',
        USEFUL,
        SHIFT,
      ),
    ],
    drift: [
      numeric('hour'),
      numeric('depth'),
      numeric('session_clicks'),
      numeric('unexposed_count'),
      categorical('scene'),
    ],
  },
  {
    table: 'samples.user_days',
    grain: [['user_key', 'date']],
    rowKey: null,
    dated: true,
    expectations: [
      ...required('user_key', 'date'),
      rule('clicks', 'have more clicks than exposures', 'clicks <= exposures', 'stitch again', FEW),
    ],
    drift: [],
  },
];
