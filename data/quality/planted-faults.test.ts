import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checked, checkedFixture, DAYS, type Plant } from './quality-fixture.ts';

const TODAY = DAYS.length - 1;
let root: string;
let next = 0;
const folder = (): string => join(root, String(next++));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-quality-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('a day without faults', () => {
  it.each([1, 2, 3])('passes every check, seed %i', async (seed) => {
    const { report, failed } = await checkedFixture(folder(), { seed });
    expect(failed).toEqual([]);
    expect(report.day).toBe(DAYS[TODAY]);
    expect(report.reference).toEqual(DAYS.slice(0, TODAY));
    // What is not judged lacks data; the rest has been.
    expect(report.checks.filter(({ unjudged }) => !unjudged).length).toBeGreaterThan(100);
  });
});

describe('faults of rows', () => {
  let checked: Checked;
  // Each on its own requests, so that none hides another.
  const plant: Plant = (event, day) => {
    const { event_id = '' } = event;
    if (event_id === 'q-4-0-0-e0') return [event, { ...event }];
    if (event_id === 'q-4-1-0-p0' || (event.type === 'exposure' && event_id === 'q-4-1-0-e1'))
      return { ...event, item_id: null } as never;
    if (event.type === 'decision' && event_id === 'q-3-2-0-d') return { ...event, propensity: 1.5 };
    if (event.type === 'decision' && event_id === 'q-3-2-1-d')
      return { ...event, arm: 'treatment', propensity: 0 };
    if (event.type === 'exposure' && event_id === 'q-2-3-0-e0')
      return { ...event, ended: event.started - 1 };
    if (event.type === 'exposure' && event_id === 'q-2-4-0-e5')
      return { ...event, position: 9_999 };
    // Every third request of the day is lost, with its decisions and reranks kept.
    if (day === TODAY && event.type === 'request' && Number(event_id.at(-1)) === 2) return null;
    return event;
  };
  beforeAll(async () => {
    checked = await checkedFixture(folder(), { plant, items: 30 });
  });

  it.each([
    ['grain/exposure/event_id', 'q-4-0-0-e0', '2026-03-06', 1],
    ['required/exposure/item_id', 'q-4-1-0-e1', '2026-03-06', 1],
    ['range/decision/propensity', 'q-3-2-0-d', '2026-03-05', 1],
    ['rule/decision/arm', 'q-3-2-1-d', '2026-03-05', 1],
    ['rule/exposure/ended', 'q-2-3-0-e0', '2026-03-04', 1],
    ['range/exposure/position', 'q-2-4-0-e5', '2026-03-04', 1],
  ])('%s ends the day and names the row', (check, key, date, rows) => {
    const result = checked.of(check);
    expect(result).toMatchObject({
      passed: false,
      severity: 'stop',
      rows,
      examples: [{ key, date }],
    });
    expect(result.message).toContain(`${key} (${date})`);
    expect(result.message).toMatch(/; the limit is .*Where: .*To mend: /);
  });

  it('a request that is not there is missed by exposures, reranks and decisions', () => {
    // 60 of 900 requests are lost: 6.7 % of the references, more than 2 and less than 10.
    for (const table of ['exposure', 'decision', 'rerank']) {
      const result = checked.of(`reference/${table}/request_id→request`);
      expect(result).toMatchObject({ passed: false, severity: 'warn', bound: 0.02 });
      expect(result.value).toBeCloseTo(60 / 900, 3);
      expect(result.examples).toHaveLength(5);
      for (const { key, date } of result.examples) {
        expect(key).toMatch(/^q-4-\d+-2/);
        expect(date).toBe('2026-03-06');
      }
    }
  });

  it('items that the table does not have end the day', () => {
    // 10 of 40 items are not in the table.
    const result = checked.of('reference/exposure/item_id→items');
    expect(result).toMatchObject({ passed: false, severity: 'stop', bound: 0.1 });
    expect(result.value).toBeCloseTo(0.25, 1);
  });

  it('names no person, nor their key', async () => {
    const text = await readFile(join(root, String(next - 1), 'quality', 'quality.json'), 'utf8');
    expect(text).not.toMatch(/phone-u|"u\d+"/);
  });
});

describe('users with more events than are stitched', () => {
  it('are told with what they lose, and do not end the day by missing slates', async () => {
    const { of, failed, report } = await checkedFixture(folder(), { maxUserEvents: 60 });
    const capped = of('capped/samples');
    expect(capped).toMatchObject({ passed: false, severity: 'warn', bound: 0, examples: [] });
    expect(capped.numbers).toEqual({ users: 60 });
    expect(capped.value).toBeGreaterThan(1000);
    const events = capped.value!.toLocaleString('en');
    expect(capped.message).toContain(`the oldest ${events} events of 60 users are in no sample`);
    expect(failed.filter((check) => check.startsWith('balance/'))).toEqual([]);
    expect(of('balance/samples.rerank').value).toBeGreaterThan(0);
    expect(report.checks.filter(({ check }) => check.startsWith('capped/'))).toHaveLength(1);
  });

  it('are none in an ordinary log', async () => {
    const { of } = await checkedFixture(folder());
    expect(of('capped/samples')).toMatchObject({ passed: true, value: 0, rows: 0 });
  });
});

describe('faults of distributions', () => {
  let checked: Checked;
  const plant: Plant = (event, day) => {
    if (day !== TODAY) return event;
    // The app sends positions from 5 on, a tenth of the dwell, a new scene, and loses three of four clicks.
    if (event.type === 'exposure') {
      const { started, ended } = event;
      return {
        ...event,
        position: event.position! + 5,
        ended: started + Math.round((ended! - started) / 10),
      };
    }
    if (event.type === 'request') {
      const candidates = event.candidates.map((one) => ({
        ...one,
        scores: { ctr: one.scores!.ctr! ** 4 },
      }));
      return { ...event, candidates, scene: 'new' };
    }
    if (event.type === 'page_view' && !event.event_id!.endsWith('p0')) return null;
    return event;
  };
  beforeAll(async () => {
    checked = await checkedFixture(folder(), { plant, quality: { minRows: 100 } });
  });

  it.each([
    'exposure/position',
    'exposure/duration_ms',
    'request/scene',
    'samples.rerank/mean_score',
    'samples.rerank/scene',
  ])('drift of %s ends the day by both measures', (name) => {
    for (const kind of ['psi', 'js']) {
      const result = checked.of(`${kind}/${name}`);
      expect(result).toMatchObject({ passed: false, severity: 'stop' });
      expect(result.rows).toBeGreaterThan(0);
      expect(result.examples[0]!.date).toBe('2026-03-06');
    }
  });

  it('leaves columns alone that did not move', () => {
    for (const name of ['samples.rerank/hour', 'rerank/arm', 'decision/depth', 'exposure/count']) {
      expect(checked.of(`psi/${name}`).passed).toBe(true);
    }
  });

  it('a label that fell is told with its rates and rows of the day', () => {
    const result = checked.of('label-shift/samples.rerank/label_click');
    expect(result).toMatchObject({ passed: false, severity: 'stop' });
    expect(result.value).toBeLessThan(0.4);
    expect(result.numbers!.p).toBeLessThan(1e-6);
    expect(result.examples).toHaveLength(5);
    expect(checked.of('volume/page_view')).toMatchObject({ passed: false });
  });
});

describe('faults of volume', () => {
  it('a day without its afternoon is stopped, with the hours that are silent', async () => {
    const lost: Plant = (event, day) =>
      day === TODAY && event.ts! % 86_400_000 > 43_200_000 ? null : event;
    const { of } = await checkedFixture(folder(), { plant: lost });
    expect(of('volume/request')).toMatchObject({ passed: false });
    expect(of('volume/request').examples[0]!.key).toMatch(
      /^type=request hour 1[2-7]: 0, usual \d+$/,
    );
    const hours = of('volume/hours');
    expect(hours).toMatchObject({ passed: false, severity: 'stop' });
    expect(hours.examples.map(({ key }) => key.slice(0, 7))).toContain('hour 13');
  });

  it('events sent three times over are stopped, with rows of the busiest hour', async () => {
    const thrice: Plant = (event, day) =>
      day === TODAY && event.type === 'decision'
        ? [1, 2, 3].map((n) => ({
            ...event,
            event_id: `${event.event_id}${n}`,
            decision_id: `${event.decision_id}${n}`,
          }))
        : event;
    const { of } = await checkedFixture(folder(), { plant: thrice });
    const result = of('volume/decision');
    expect(result).toMatchObject({ passed: false, severity: 'stop', rows: 360 });
    expect(result.value).toBeCloseTo(3, 1);
    expect(result.examples[1]).toMatchObject({
      key: expect.stringMatching(/^q-4-.*-d\d$/),
      date: '2026-03-06',
    });
  });
});

describe('sample ratios', () => {
  it('an arm that loses rows ends the day, by day and over the window', async () => {
    // Of the treated decisions 60 % of the day's get lost, and 15 % of the days before.
    const lossy: Plant = (event, day, random) =>
      event.type === 'decision' &&
      event.arm === 'treatment' &&
      random.chance(day === TODAY ? 0.6 : 0.15)
        ? null
        : event;
    const { of } = await checkedFixture(folder(), { plant: lossy, quality: { minRows: 100 } });
    for (const scope of ['day', 'window']) {
      const result = of(`sample-ratio/decision/${scope}`);
      expect(result).toMatchObject({ passed: false, severity: 'stop', bound: 0.001 });
      expect(result.value).toBeLessThan(0.001);
      expect(result.message).toContain('arm control has');
      expect(result.examples[0]!.key).toMatch(/-d$/);
    }
    expect(of('sample-ratio/decision/day').message).toContain('Where: decision, 2026-03-06.');
  });

  it('arms of requests are judged by the propensity of the arm that was drawn', async () => {
    const arms =
      (share: number): Plant =>
      (event, _, random) =>
        event.type === 'request'
          ? random.chance(share)
            ? { ...event, arm: 'new', propensity: 0.2 }
            : { ...event, arm: 'old', propensity: 0.8 }
          : event;
    const quality = { minRows: 100 };
    const fair = await checkedFixture(folder(), { plant: arms(0.2), quality });
    expect(fair.of('sample-ratio/request/window')).toMatchObject({ passed: true, bound: 1 });
    const skewed = await checkedFixture(folder(), { plant: arms(0.3), quality });
    expect(skewed.of('sample-ratio/request/window')).toMatchObject({
      passed: false,
      severity: 'stop',
    });
  });

  it('arms without propensities are judged by the shares in the settings, else by the reference', async () => {
    const skew: Plant = (event, day, random) =>
      event.type === 'rerank' && day === TODAY && random.chance(0.6)
        ? { ...event, arm: 'random' }
        : event;
    const quality = { minRows: 100 };
    const unknown = await checkedFixture(folder(), { plant: skew, quality });
    expect(unknown.of('sample-ratio/rerank/day')).toMatchObject({
      passed: false,
      severity: 'warn',
    });
    const shares = { ...quality, arms: { rerank: { initial: 1, random: 1 } } };
    const known = await checkedFixture(folder(), { plant: skew, quality: shares });
    expect(known.of('sample-ratio/rerank/day')).toMatchObject({ passed: false, severity: 'stop' });
    expect(known.of('sample-ratio/rerank/day').message).toContain('arm random has');
  });
});

describe('samples that are not whole', () => {
  it('differ from the lake and end the day', async () => {
    const { of } = await checkedFixture(folder(), {
      damage: ({ samplesDir }) =>
        rm(join(samplesDir, 'rerank', `date=${DAYS[1]}`), { recursive: true }),
    });
    const result = of('balance/samples.rerank');
    // 180 requests and 180 reranks.
    expect(result).toMatchObject({ passed: false, severity: 'stop', rows: 360 });
    expect(result.examples).toEqual([{ key: '2026-03-03: 360 against 0' }]);
  });
});

describe('settings', () => {
  it('move limits, soften checks and switch them off with a reason', async () => {
    const plant: Plant = (event) =>
      event.type === 'exposure' && event.event_id === 'q-4-0-0-e0' ? [event, { ...event }] : event;
    const reason = 'known double upload of one phone';
    const { of, report } = await checkedFixture(folder(), {
      plant,
      items: 30,
      quality: {
        checks: {
          'grain/exposure/*': { off: reason },
          'reference/*→items': { severity: 'warn' },
          'reference/page_view/item_id→items': { warn: null, stop: 0.9 },
          'volume/nothing': { off: 'there is no such type' },
        },
      },
    });
    expect(of('grain/exposure/event_id')).toMatchObject({
      passed: true,
      value: 1,
      unjudged: reason,
    });
    expect(of('reference/exposure/item_id→items')).toMatchObject({
      passed: false,
      severity: 'warn',
    });
    expect(of('reference/page_view/item_id→items')).toMatchObject({ passed: true });
    expect(report.unknown).toEqual(['volume/nothing']);
  });
});
