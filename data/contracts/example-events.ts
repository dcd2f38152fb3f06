/** One event of every type with every field filled: examples for tests and for a reader. */
import type { DeviceEvent, EventOf, EventType } from './device-log.ts';

// 2026-03-02 08:00:00 UTC
const START = 1_772_438_400_000;

const envelope = (id: string, at: number) => ({
  event_id: id,
  schema_version: 1 as const,
  user_id: 'user-7',
  device_id: 'phone-7',
  session_id: 'session-1',
  ts: START + at,
  received_ts: START + at + 250,
  app_version: '8.1.0',
  model_version: 'reranker-20260301',
});

export const EXAMPLE_EVENTS: { [T in EventType]: EventOf<T> } = {
  request: {
    ...envelope('e-01', 0),
    type: 'request',
    request_id: 'r-1',
    scene: 'home',
    page_no: 0,
    trigger: 'open',
    arm: 'treatment',
    propensity: 0.5,
    candidates: [
      { item_id: 'i-1', position: 0, scores: { ctr: 0.31, cvr: 0.02 } },
      { item_id: 'i-2', position: 1, scores: { ctr: 0.12, cvr: 0.04 } },
      { item_id: 'i-3', position: 2, scores: null },
    ],
  },
  rerank: {
    ...envelope('e-02', 9_000),
    type: 'rerank',
    request_id: 'r-1',
    trigger: 'click',
    arm: 'treatment',
    order_before: ['i-2', 'i-3'],
    order_after: ['i-3', 'i-2'],
  },
  exposure: {
    ...envelope('e-03', 4_000),
    type: 'exposure',
    request_id: 'r-1',
    item_id: 'i-1',
    position: 0,
    started: START + 400,
    ended: START + 3_900,
    count: 1,
    scroll_speed: 812.5,
    scroll_duration_ms: 240,
    scroll_count: 2,
  },
  page_view: {
    ...envelope('e-04', 8_500),
    type: 'page_view',
    request_id: 'r-1',
    item_id: 'i-1',
    source: 'feed',
    started: START + 4_000,
    ended: START + 8_400,
    actions: [
      { block: 'detail', dwell_ms: 2_100, clicks: 1 },
      { block: 'cart', dwell_ms: null, clicks: 1 },
    ],
  },
  play: {
    ...envelope('e-05', 8_600),
    type: 'play',
    request_id: 'r-1',
    item_id: 'i-1',
    watch_ms: 4_300,
    duration_ms: 15_000,
  },
  feedback: {
    ...envelope('e-06', 9_500),
    type: 'feedback',
    request_id: 'r-1',
    item_id: 'i-2',
    kind: 'delete',
    reason: 'not interested',
  },
  order: {
    ...envelope('e-07', 60_000),
    type: 'order',
    request_id: 'r-1',
    item_id: 'i-1',
    order_id: 'o-1',
    quantity: 2,
    amount: 19.9,
  },
  client_state: {
    ...envelope('e-08', 1_000),
    type: 'client_state',
    network_kbps: 5_400,
    buffered_ms: 3_200,
  },
  decision: {
    ...envelope('e-09', 10_000),
    type: 'decision',
    decision_id: 'd-1',
    request_id: 'r-1',
    arm: 'control',
    propensity: 0.5,
    unexposed: ['i-3'],
    depth: 2,
  },
  model_report: {
    ...envelope('e-10', 9_100),
    type: 'model_report',
    model: 'reranker',
    entry: 'rerank',
    latency_ms: 3.7,
    score_summary: { count: 2, mean: -1.25, min: -2, max: -0.5 },
    error: null,
  },
};

/** The examples as a list, in the order of the contract. */
export const exampleEvents: DeviceEvent[] = Object.values(EXAMPLE_EVENTS);
