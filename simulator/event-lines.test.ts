import { describe, expect, it } from 'vitest';
import { type DeviceEvent, type EventOf, SCHEMA_VERSION } from '../data/contracts/device-log.ts';
import { eventLine, exposureTruthLine } from './event-lines.ts';
import { LineBytes } from './line-bytes.ts';
import type { ExposureTruth } from './session-log.ts';
import { playWorld } from './test-world.ts';

function written(event: DeviceEvent): string {
  const lines = new LineBytes(16);
  eventLine(lines, event);
  return Buffer.from(lines.view()).toString();
}

const envelope = {
  event_id: 'e1',
  schema_version: SCHEMA_VERSION,
  user_id: 'ü"1',
  device_id: null,
  ts: 1_772_400_000_000,
} as const;

describe('an event as a line', () => {
  it('has the bytes of JSON.stringify for all that phones log, in a rollout and outside of one', () => {
    const small = { days: 2, users: { count: 30, sessionsPerDay: 1 }, log: { killed: 0.5 } };
    const types = new Set<string>();
    for (const rollout of [{}, { share: 0.5, unit: 'session' as const, loss: 1 }]) {
      const { events } = playWorld({ ...small, rollout }, { decisions: false });
      for (const event of events) {
        types.add(event.type);
        expect(written(event)).toBe(`${JSON.stringify(event)}\n`);
      }
    }
    expect(types.size).toBe(10);
  });

  it('escapes texts and leaves out what is undefined', () => {
    const exposure: EventOf<'exposure'> = {
      ...envelope,
      type: 'exposure',
      item_id: 'a\\b\n',
      position: undefined,
      started: envelope.ts,
      ended: null,
      scroll_speed: 0.1,
    };
    expect(written(exposure)).toBe(
      '{"event_id":"e1","schema_version":1,"type":"exposure","user_id":"ü\\"1","device_id":null,' +
        '"ts":1772400000000,"item_id":"a\\\\b\\n","started":1772400000000,"ended":null,' +
        '"scroll_speed":0.1}\n',
    );
  });

  it('has a list that is empty, null or absent as it is', () => {
    const view = { ...envelope, type: 'page_view', item_id: 'i', started: 1 } as const;
    for (const actions of [[], null, undefined, [{ block: 'buy', dwell_ms: null } as const]]) {
      const event: EventOf<'page_view'> = { ...view, ...(actions !== undefined && { actions }) };
      expect(JSON.parse(written(event))).toEqual(event);
    }
  });
});

it("the world's numbers of an exposure have the bytes of JSON.stringify", () => {
  const { exposures } = playWorld({ days: 1, users: { count: 20 } }, { decisions: false });
  expect(exposures.length).toBeGreaterThan(100);
  const odd: ExposureTruth = { ...exposures[0]!, item_id: '"', intent: -0.25, utility: 1e-7 };
  for (const row of [...exposures, odd]) {
    const lines = new LineBytes(16);
    exposureTruthLine(lines, row);
    expect(Buffer.from(lines.view()).toString()).toBe(`${JSON.stringify(row)}\n`);
  }
});
