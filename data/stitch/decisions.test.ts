import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opened, page, S, shown, stitched } from './events-fixture.ts';
import { type FixtureEvent, NOON } from './lake-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stitch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('request decisions', () => {
  const decide = (id: string, at: number, more: object = {}): FixtureEvent => ({
    type: 'decision',
    event_id: id,
    decision_id: id,
    request_id: 'r',
    ts: NOON + at,
    arm: 'treatment',
    propensity: 0.3,
    unexposed: ['u1', 'u2', 'u3'],
    depth: 2,
    ...more,
  });

  it('looks back to the last request and ahead to the next exposures', async () => {
    const later = Array.from({ length: 12 }, (_, i) =>
      shown('r', `n${i}`, (20 + i) * S, (21 + i) * S),
    );
    const { decisions, summary } = await stitched(
      folder,
      {
        events: [
          page('q', 0, ['p']),
          shown('q', 'p', S, 2 * S),
          page('r', 3 * S, ['a', 'b', ...Array.from({ length: 12 }, (_, i) => `n${i}`)]),
          shown('q', 'p', 4 * S, 5 * S),
          shown('r', 'a', 5 * S, 6 * S),
          shown('r', 'b', 6 * S, 12 * S),
          opened('q', 'p', 2 * S, 4 * S),
          opened('r', 'a', 6 * S, 8 * S),
          opened('r', 'b', 6 * S, 8 * S, { session_id: 'older' }),
          decide('d', 10 * S),
          page('s', 10 * S, ['z'], { trigger: 'insert' }),
          ...later,
          { type: 'order', request_id: 'r', item_id: 'n7', ts: NOON + 60 * S },
          opened('r', 'n9', 33 * S, 34 * S),
          { type: 'order', request_id: 'r', item_id: 'a', ts: NOON + 60 * S },
          // The log goes on past the window.
          { type: 'client_state', ts: NOON + 61 * S, network_kbps: 1, buffered_ms: null },
        ],
      },
      { decisionWindowMs: 50 * S },
    );
    expect(decisions).toHaveLength(1);
    expect(decisions[0]).toMatchObject({
      decision_id: 'd',
      arm: 1,
      propensity: 0.3,
      scene: 'home',
      depth: 2,
      since_exp_item: ['p', 'a'],
      sclk_item: ['p', 'a'],
      unexposed_item: ['u1', 'u2', 'u3'],
      unexposed_count: 3,
      session_exposures: 3,
      session_clicks: 2,
      hour: 12,
      label_order_n5: 0,
      label_order_n10: 1,
      label_order_n15: 1,
      label_order_n20: 1,
      label_click_n10: 1,
      matured: 1,
    });
    expect(summary).toMatchObject({ decisions: 1, randomisedDecisions: 1, maturedDecisions: 1 });
  });

  it('counts what is told within the window, and nothing later', async () => {
    const order = (item_id: string, at: number): FixtureEvent => ({
      type: 'order',
      request_id: 'r',
      item_id,
      ts: NOON + at,
    });
    const end = 30 * S;
    const labelsOf = async (name: string, ...events: FixtureEvent[]) => {
      const lake = { events: [page('r', 0, ['a']), decide('d', 0), ...events] };
      const { decisions } = await stitched(join(folder, name), lake, { decisionWindowMs: end });
      return [decisions[0]!.label_order_n5, decisions[0]!.label_click_n10];
    };
    const told = { ts: NOON + end };
    const later = { ts: NOON + end + 1 };
    const a = shown('r', 'a', S, 2 * S);
    expect(await labelsOf('in', a, order('a', end), opened('r', 'a', 3 * S, end, told))).toEqual([
      1, 1,
    ]);
    // The order came later; the page view was open when the window ended.
    expect(
      await labelsOf('late', a, order('a', end + 1), opened('r', 'a', 3 * S, end + 1, later)),
    ).toEqual([0, 0]);
    // Of two page views the one that was told in time counts, though the other began first.
    const both = [opened('r', 'a', 3 * S, end + 1, later), opened('r', 'a', 4 * S, 5 * S)];
    expect(await labelsOf('two', a, ...both)).toEqual([null, 1]);
    // An exposure that was told later is none of the next ones, and leaves its place to others.
    const open = Array.from({ length: 5 }, (_, i) => shown('r', `b${i}`, S, end + 1, later));
    const c = shown('r', 'c', 9 * S, 10 * S);
    expect(await labelsOf('open', ...open, c, order('c', 11 * S))).toEqual([1, null]);
    expect(
      await labelsOf('early', ...open.map((e) => ({ ...e, ts: NOON + S })), c, order('c', 11 * S)),
    ).toEqual([0, null]);
  });

  it('marks decisions at the end of the log as not matured', async () => {
    const { decisions } = await stitched(
      folder,
      {
        events: [
          page('r', 0, ['a']),
          decide('d', S),
          // An event of the moment at which the log ends may still come.
          decide('e', S + 1, { arm: null, propensity: null }),
          { type: 'client_state', ts: NOON + 2 * S + 1, network_kbps: 1, buffered_ms: null },
        ],
      },
      { decisionWindowMs: S },
    );
    expect(decisions.map((row) => [row.decision_id, row.arm, row.matured])).toEqual([
      ['d', 1, 1],
      ['e', null, 0],
    ]);
    expect(decisions[0]!.label_order_n5).toBeNull();
  });
});
