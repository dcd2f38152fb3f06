/**
 * Events and rows of truth as lines of JSON. What comes by the million is written field by field, which
 * spares looking its names up; the rest as it comes. The bytes are those of `JSON.stringify` as long as
 * the fields stand here in the order in which the phone sets them.
 */
import type { DeviceEvent, EventOf } from '../data/contracts/device-log.ts';
import { fieldNames, type LineBytes } from './line-bytes.ts';
import type { ExposureTruth } from './session-log.ts';

const EVENT_ID = Buffer.from('{"event_id":');
const FIRST_ITEM_ID = Buffer.from('{"item_id":');
const ITEM_ID = Buffer.from(',{"item_id":');
const FIRST_BLOCK = Buffer.from('{"block":');
const BLOCK = Buffer.from(',{"block":');
const END = Buffer.from('}');
const END_OF_LIST = Buffer.from(']');
const END_OF_LINE = Buffer.from('}\n');
const CANDIDATES = Buffer.from(',"candidates":[');
const ACTIONS = Buffer.from(',"actions":[');

const N = fieldNames(
  'schema_version',
  'type',
  'user_id',
  'device_id',
  'session_id',
  'ts',
  'received_ts',
  'app_version',
  'model_version',
  'request_id',
  'item_id',
  'position',
  'started',
  'ended',
  'count',
  'scroll_speed',
  'scroll_duration_ms',
  'scroll_count',
  'source',
  'actions',
  'dwell_ms',
  'clicks',
  'scene',
  'page_no',
  'trigger',
  'arm',
  'propensity',
  'scores',
  'click',
  'click_without_slate',
  'order_given_click',
  'attention',
  'intent',
  'utility',
  'slate',
  'clicked',
);

/** One event as a line. */
export function eventLine(lines: LineBytes, event: DeviceEvent): void {
  if (event.type === 'exposure') exposure(lines, event);
  else if (event.type === 'page_view') pageView(lines, event);
  else if (event.type === 'request') request(lines, event);
  else lines.line(event);
}

/** What every event begins with, but for the object's end. */
function envelope(lines: LineBytes, event: DeviceEvent): void {
  lines.part(EVENT_ID);
  lines.value(event.event_id);
  lines.field(N.schema_version, event.schema_version);
  lines.field(N.type, event.type);
  lines.field(N.user_id, event.user_id);
  lines.field(N.device_id, event.device_id);
  lines.field(N.session_id, event.session_id);
  lines.field(N.ts, event.ts);
  lines.field(N.received_ts, event.received_ts);
  lines.field(N.app_version, event.app_version);
  lines.field(N.model_version, event.model_version);
}

function exposure(lines: LineBytes, event: EventOf<'exposure'>): void {
  envelope(lines, event);
  lines.field(N.request_id, event.request_id);
  lines.field(N.item_id, event.item_id);
  lines.field(N.position, event.position);
  lines.field(N.started, event.started);
  lines.field(N.ended, event.ended);
  lines.field(N.count, event.count);
  lines.field(N.scroll_speed, event.scroll_speed);
  lines.field(N.scroll_duration_ms, event.scroll_duration_ms);
  lines.field(N.scroll_count, event.scroll_count);
  lines.part(END_OF_LINE);
}

function pageView(lines: LineBytes, event: EventOf<'page_view'>): void {
  envelope(lines, event);
  lines.field(N.request_id, event.request_id);
  lines.field(N.item_id, event.item_id);
  lines.field(N.source, event.source);
  lines.field(N.started, event.started);
  lines.field(N.ended, event.ended);
  if (!event.actions) lines.field(N.actions, event.actions);
  else {
    lines.part(ACTIONS);
    for (let i = 0; i < event.actions.length; i++) {
      const action = event.actions[i]!;
      lines.part(i === 0 ? FIRST_BLOCK : BLOCK);
      lines.value(action.block);
      lines.field(N.dwell_ms, action.dwell_ms);
      lines.field(N.clicks, action.clicks);
      lines.part(END);
    }
    lines.part(END_OF_LIST);
  }
  lines.part(END_OF_LINE);
}

function request(lines: LineBytes, event: EventOf<'request'>): void {
  envelope(lines, event);
  lines.field(N.request_id, event.request_id);
  lines.field(N.scene, event.scene);
  lines.field(N.page_no, event.page_no);
  lines.field(N.trigger, event.trigger);
  lines.field(N.arm, event.arm);
  lines.field(N.propensity, event.propensity);
  lines.part(CANDIDATES);
  for (let i = 0; i < event.candidates.length; i++) {
    const candidate = event.candidates[i]!;
    lines.part(i === 0 ? FIRST_ITEM_ID : ITEM_ID);
    lines.value(candidate.item_id);
    lines.field(N.position, candidate.position);
    lines.field(N.scores, candidate.scores);
    lines.part(END);
  }
  lines.part(END_OF_LIST);
  lines.part(END_OF_LINE);
}

/** The world's own numbers of an exposure as a line. */
export function exposureTruthLine(lines: LineBytes, row: ExposureTruth): void {
  lines.part(EVENT_ID);
  lines.value(row.event_id);
  lines.field(N.request_id, row.request_id);
  lines.field(N.item_id, row.item_id);
  lines.field(N.position, row.position);
  lines.field(N.click, row.click);
  lines.field(N.click_without_slate, row.click_without_slate);
  lines.field(N.order_given_click, row.order_given_click);
  lines.field(N.attention, row.attention);
  lines.field(N.intent, row.intent);
  lines.field(N.utility, row.utility);
  lines.field(N.slate, row.slate);
  lines.field(N.clicked, row.clicked);
  lines.part(END_OF_LINE);
}
