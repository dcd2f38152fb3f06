import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashFolder } from '../../../lib/hash-folder.ts';
import { type FixtureEvent, type FixtureLake, NOON, writeLake } from '../lake-fixture.ts';
import { stitch } from '../stitch.ts';
import { joinGroups } from './join-groups.ts';
import { type GroupReport, stitchGroup } from './stitch-group.ts';

const DAY = 86_400_000;

/** Enough that one of them is a small part of a bucket's users. */
const USERS = Array.from({ length: 12 }, (_, i) => `user-${String.fromCharCode(97 + i)}`);

// Few values everywhere, so that requests, sessions and items of one user meet again days later.
const item = fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5');
const request = fc.constantFrom('r1', 'r2', 'r3', 'r4');
const time = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 120 }))
  .map(([day, minute]) => NOON + day * DAY + minute * 60_000);
const envelope = {
  device_id: fc.constantFrom('phone', 'phone', 'tablet', null),
  session_id: fc.constantFrom('s1', 's2', null),
};
const shown = {
  ...envelope,
  request_id: fc.option(request, { freq: 6 }),
  item_id: item,
  started: time,
  lasts: fc.constantFrom(1000, 2000, 8000, 90_000),
};
const ending = <T extends { started: number; lasts: number }>({ lasts, ...rest }: T) => ({
  ...rest,
  ts: rest.started,
  ended: rest.started + lasts,
});
const told = { ...envelope, request_id: request, item_id: item, ts: time };

const behaviour: fc.Arbitrary<object> = fc.oneof(
  fc.record({
    type: fc.constant('request'),
    ...envelope,
    request_id: request,
    ts: time,
    scene: fc.constantFrom('home', 'search'),
    candidates: fc.array(fc.record({ item_id: item, position: fc.nat(5) }), {
      minLength: 1,
      maxLength: 5,
    }),
  }),
  fc.record({
    type: fc.constant('rerank'),
    ...envelope,
    request_id: request,
    ts: time,
    order_before: fc.array(item, { minLength: 1, maxLength: 4 }),
    order_after: fc.array(item, { minLength: 1, maxLength: 4 }),
  }),
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('exposure'), ...shown }).map(ending),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('page_view'), ...shown }).map(ending) },
  fc.record({
    type: fc.constant('play'),
    ...told,
    watch_ms: fc.constantFrom(1000, 18_000),
    duration_ms: fc.constantFrom(1000, 20_000),
  }),
  fc.record({ type: fc.constant('feedback'), ...told, kind: fc.constantFrom('like', 'delete') }),
  fc.record({ type: fc.constant('order'), ...told }),
  fc.record({
    type: fc.constant('decision'),
    ...envelope,
    ts: time,
    decision_id: fc.constant('d'),
    request_id: fc.option(request),
    arm: fc.constantFrom('control', 'treatment'),
    propensity: fc.constant(0.5),
    unexposed: fc.array(item, { maxLength: 3 }),
  }),
);

const own = (user: string, index: number, event: object): FixtureEvent =>
  ({ ...event, user, event_id: `${user}-${String(index).padStart(4, '0')}` }) as FixtureEvent;

/** Both have every type of event, with the last one at an end that no other event reaches. */
const frame = (end: number): FixtureEvent[] => [
  own('user-a', 9000, { type: 'play', request_id: 'x', item_id: 'i1', watch_ms: 1, ts: NOON }),
  own('user-a', 9001, { type: 'feedback', request_id: 'x', item_id: 'i1', kind: 'like', ts: NOON }),
  own('user-a', 9002, { type: 'order', request_id: 'x', item_id: 'i1', ts: NOON }),
  own('user-a', 9003, {
    type: 'page_view',
    request_id: 'x',
    item_id: 'i1',
    started: NOON,
    ended: NOON + 1,
    ts: NOON,
  }),
  own('user-a', 9004, {
    type: 'exposure',
    request_id: null,
    item_id: 'i1',
    started: end,
    ended: null,
    ts: end,
  }),
];

interface LatePair {
  before: FixtureLake;
  after: FixtureLake;
}

/** Some events of one or two users come late; sometimes some vanish, or the log goes on. */
const latePairs: fc.Arbitrary<LatePair> = fc
  .record({
    events: fc.array(fc.array(behaviour, { minLength: 4, maxLength: 25, size: 'max' }), {
      minLength: USERS.length,
      maxLength: USERS.length,
    }),
    late: fc.array(behaviour, { minLength: 0, maxLength: 4 }),
    other: fc.option(behaviour, { freq: 2 }),
    victim: fc.constantFrom(...USERS),
    gone: fc.constantFrom(0, 0, 0, 2),
    goesOn: fc.constantFrom(0, 0, DAY / 4, 2 * DAY),
  })
  .map(({ events, late, other, victim, gone, goesOn }) => {
    const all = USERS.map((user, u) => events[u]!.map((event, i) => own(user, i, event)));
    const end = NOON + 5 * DAY;
    const kept = all.map((mine) => (mine[0]!.user === victim ? mine.slice(gone) : mine));
    return {
      before: { events: [...all.flat(), ...frame(end)], buckets: 2 },
      after: {
        events: [
          ...kept.flat(),
          ...late.map((event, i) => own(victim, 5000 + i, event)),
          ...(other ? [own('user-b', 5000, other)] : []),
          ...frame(end + goesOn),
        ],
        buckets: 2,
      },
    };
  });

const hash = async (folder: string): Promise<string> => (await hashFolder(folder)).sha256;
const lengths = { exposuresK: 3, pageViewsK: 2, sinceK: 2, clicksK: 2, orderedK: 3 };
const windows = fc.record({
  labelWindowMs: fc.constantFrom(DAY / 3, DAY, 2 * DAY),
  exposureWindowMs: fc.constantFrom(DAY / 24, DAY, 3 * DAY),
  decisionWindowMs: fc.constantFrom(DAY / 24, 2 * DAY),
  latenessMs: fc.constantFrom(0, DAY / 2),
});

it('stitching only what late events touch gives the bytes of stitching all, on random logs', async () => {
  const reports: GroupReport[] = [];
  await fc.assert(
    // In small parts a late event moves users from one file to another, on all dates.
    fc.asyncProperty(latePairs, fc.constantFrom(60, 500_000), windows, async (...random) => {
      const [{ before, after }, eventsPerPart, ahead] = random;
      const rules = { ...lengths, ...ahead, eventsPerPart };
      const root = await mkdtemp(join(tmpdir(), 'late-'));
      const at = (name: string): string => join(root, name);
      try {
        await writeLake(at('old-lake'), before);
        await writeLake(at('lake'), after);
        const groupDirs: string[] = [];
        for (const group of [1, 2]) {
          const one = { ...rules, group, groups: 2 };
          await stitchGroup({ ...one, lakeDir: at('old-lake'), outDir: at(`old-${group}`) });
          const former = { groupDir: at(`old-${group}`), lakeDir: at('old-lake') };
          const outDir = at(`late-${group}`);
          reports.push(await stitchGroup({ ...one, lakeDir: at('lake'), outDir, former }));
          groupDirs.push(outDir);
        }
        await joinGroups({ ...rules, lakeDir: at('lake'), groupDirs, outDir: at('joined') });
        await stitch({ ...rules, lakeDir: at('lake'), outDir: at('whole') });
        expect(await hash(at('joined'))).toBe(await hash(at('whole')));
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    }),
    { numRuns: Number(process.env.EDGELOOM_RUNS ?? 4), endOnFailure: true },
  );
  // It would hold as well if everything were always stitched.
  const partly = reports.filter((one) => one.bucketsStitched > 0 && one.reused > 0);
  expect(partly.length).toBeGreaterThan(0);
});
