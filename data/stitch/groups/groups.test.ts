import { chmod, link, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFiles } from '../../../lib/files.ts';
import { hashFolder } from '../../../lib/hash-folder.ts';
import { opened, page, S, shown } from '../events-fixture.ts';
import { type FixtureLake, writeLake } from '../lake-fixture.ts';
import { stitch } from '../stitch.ts';
import { joinGroups } from './join-groups.ts';
import { linkOrCopy } from './link-files.ts';
import { revisionsOf, tellRevisions } from './revisions.ts';
import { stitchGroup } from './stitch-group.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let root: string;
const at = (name: string): string => join(root, name);
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'groups-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** Ten users over three days, five in each of two buckets: letters a … j. */
const users = [...'abcdefghij'];
const week: FixtureLake = {
  buckets: 2,
  events: users.flatMap((user, u) =>
    [0, 1, 2].flatMap((day) => {
      const [id, from] = [`${user}${day}`, day * DAY + u * HOUR];
      return [
        page(id, from, ['x', 'y'], { user }),
        shown(id, 'x', from + S, from + 2 * S, { user, event_id: `shown-${id}` }),
      ];
    }),
  ),
};
/** User c (bucket 01: its letter's code is odd) clicked on the second day; the phone told it late. */
const late: FixtureLake = {
  ...week,
  events: [
    ...week.events,
    opened('c1', 'x', DAY + 2 * HOUR + 2 * S, DAY + 2 * HOUR + 9 * S, {
      user: 'c',
      event_id: 'click-c',
    }),
  ],
};
/** Both lakes have page views, so that facts of the whole log are equal. */
const withClick = (lake: FixtureLake): FixtureLake => ({
  ...lake,
  events: [
    ...lake.events,
    opened('j0', 'x', 9 * HOUR + 2 * S, 9 * HOUR + 3 * S, { user: 'j', event_id: 'click-j' }),
  ],
});

const groupsOf = async (name: string, groups: number, formerOf?: string): Promise<string[]> => {
  const folders: string[] = [];
  for (let group = 1; group <= groups; group++) {
    const outDir = at(`${name}-${group}`);
    const former = formerOf && {
      groupDir: at(`${formerOf}-${group}`),
      lakeDir: at(`${formerOf}-lake`),
    };
    await stitchGroup({
      lakeDir: at(`${name}-lake`),
      outDir,
      group,
      groups,
      ...(former && { former }),
    });
    folders.push(outDir);
  }
  return folders;
};

describe('groups of buckets', () => {
  it.each([1, 2, 3])('are joined into the samples of one piece (%i groups)', async (groups) => {
    await writeLake(at('a-lake'), week);
    const groupDirs = await groupsOf('a', groups);
    const joined = await joinGroups({ lakeDir: at('a-lake'), groupDirs, outDir: at('joined') });
    const whole = await stitch({ lakeDir: at('a-lake'), outDir: at('whole') });
    expect(joined).toEqual(whole);
    expect((await hashFolder(at('joined'))).sha256).toBe((await hashFolder(at('whole'))).sha256);
  });

  it('are refused when one is missing, given twice, of other rules or of another lake', async () => {
    await writeLake(at('a-lake'), week);
    await writeLake(at('b-lake'), withClick(week));
    const [one, two] = (await groupsOf('a', 2)) as [string, string];
    const [, other] = (await groupsOf('b', 2)) as [string, string];
    const join_ = (groupDirs: string[], rules = {}) =>
      joinGroups({ lakeDir: at('a-lake'), groupDirs, outDir: at('joined'), ...rules });
    await expect(join_([one])).rejects.toMatchObject({
      code: 'groups-do-not-fit',
      message: 'No group has bucket 01',
    });
    await expect(join_([one, two, two])).rejects.toThrow('Bucket 01 is given twice');
    await expect(join_([one, two], { exposuresK: 3 })).rejects.toThrow('other parameters');
    await expect(join_([one, other])).rejects.toThrow('different lakes');
    await expect(join_([one, root])).rejects.toMatchObject({ code: 'not-a-group' });
    expect((await listFiles(root)).filter((path) => path.startsWith('joined'))).toEqual([]);
    const none = { lakeDir: at('a-lake'), outDir: at('x'), group: 3, groups: 2 };
    await expect(stitchGroup(none)).rejects.toMatchObject({ code: 'bad-config' });
  });

  it('write only the dates that a late click touches, whatever they took over', async () => {
    await writeLake(at('old-lake'), withClick(week));
    await writeLake(at('new-lake'), withClick(late));
    await groupsOf('old', 2);
    await groupsOf('new', 2, 'old');
    const again = await Promise.all(
      [1, 2].map((group) =>
        stitchGroup({
          ...{ lakeDir: at('new-lake'), outDir: at(`told-${group}`), group, groups: 2 },
          former: { groupDir: at(`old-${group}`), lakeDir: at('old-lake') },
        }),
      ),
    );
    // Its label on the second day; the next day's sequences hold the click.
    expect(again[0]).toMatchObject({ bucketsStitched: 0, written: 0, dates: [] });
    expect(again[1]).toMatchObject({ bucketsStitched: 1, dates: ['2026-03-03', '2026-03-04'] });
    expect(again[1]).toMatchObject({ written: 2, reused: 1 });
    await stitchGroup({ lakeDir: at('new-lake'), outDir: at('all-2'), group: 2, groups: 2 });
    expect((await hashFolder(at('new-2'))).sha256).toBe((await hashFolder(at('all-2'))).sha256);
  });

  it('write all dates of a bucket when a late event moves a user into another part', async () => {
    await writeLake(at('old-lake'), withClick(week));
    await writeLake(at('new-lake'), withClick(late));
    // Six events a user: before user e stand 12 of them, and 13 with the late one.
    const rules = { group: 2, groups: 2, eventsPerPart: 13 };
    await stitchGroup({ ...rules, lakeDir: at('old-lake'), outDir: at('old') });
    const made = { ...rules, lakeDir: at('new-lake') };
    const former = { groupDir: at('old'), lakeDir: at('old-lake') };
    const report = await stitchGroup({ ...made, outDir: at('new'), former });
    await stitchGroup({ ...made, outDir: at('all') });
    expect(report.reused).toBe(0);
    expect((await hashFolder(at('new'))).sha256).toBe((await hashFolder(at('all'))).sha256);
  });
});

describe('revisions', () => {
  it('go up for the dates whose bytes changed, with the file of the lake that changed them', async () => {
    await writeLake(at('old-lake'), withClick(week));
    await writeLake(at('new-lake'), withClick(late));
    const old = await groupsOf('old', 2);
    const now = await groupsOf('new', 2, 'old');
    await joinGroups({ lakeDir: at('old-lake'), groupDirs: old, outDir: at('before') });
    await joinGroups({ lakeDir: at('new-lake'), groupDirs: now, outDir: at('after') });
    const made = { samplesDir: at('after'), groupDirs: now };
    const former = {
      ...{ samplesDir: at('before'), groupDirs: old, sha256: 'sha256:before', because: [] },
      revisions: { '2026-03-03': { revision: 4, former: 'sha256:older', reason: 'x' } },
    };
    const found = await revisionsOf(made, former);
    const reason = 'page_view 2026-03-03 bucket 01';
    expect(found).toEqual({
      '2026-03-02': { revision: 1 },
      '2026-03-03': { revision: 5, former: 'sha256:before', reason },
      '2026-03-04': { revision: 2, former: 'sha256:before', reason },
    });
    expect(tellRevisions(found)).toBe(
      `2026-03-03 is revision 5 (${reason}); 2026-03-04 is revision 2 (${reason})`,
    );
    // Groups that former code left in another form tell no files, and other groups have to be whole.
    const unread = { ...former, groupDirs: [at('old-form')] };
    await mkdir(at('old-form'));
    await writeFile(join(at('old-form'), 'group.json'), '{"settings":"of former code"}');
    const changed = await revisionsOf(made, { ...unread, because: ['the code of stitching'] });
    expect(changed['2026-03-04']).toEqual({
      ...{ revision: 2, former: 'sha256:before', reason: 'the code of stitching' },
    });
    await expect(revisionsOf(made, unread)).rejects.toMatchObject({ code: 'not-a-group' });
    // The same samples again change nothing; those of another dataset are no former ones.
    const same = { ...former, ...made, revisions: found };
    expect(await revisionsOf(made, same)).toEqual(found);
    const path = join(at('before'), 'summary.json');
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace(/"dataset": "[^"]*"/, '"dataset": "else"'),
    );
    expect(Object.values(await revisionsOf(made, former))).toEqual(
      [1, 1, 1].map((revision) => ({ revision })),
    );
  });
});

describe('linkOrCopy', () => {
  it('links what nobody may write and copies what somebody may', async () => {
    await writeFile(at('mine'), 'text');
    await linkOrCopy(at('mine'), at('folder/copy'));
    expect((await stat(at('folder/copy'))).ino).not.toBe((await stat(at('mine'))).ino);
    await chmod(at('mine'), 0o444);
    await linkOrCopy(at('mine'), at('folder/link'));
    expect((await stat(at('folder/link'))).ino).toBe((await stat(at('mine'))).ino);
    await expect(link(at('mine'), at('folder/link'))).rejects.toThrow('EEXIST');
    await expect(linkOrCopy(at('mine'), at('folder/link'))).rejects.toThrow('EEXIST');
  });
});
