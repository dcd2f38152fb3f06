/** A new key for user ids: re-keyed lakes are what ingest makes under the new key. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../activities/privacy/audit.ts';
import { eraseUsers } from '../../activities/privacy/erase.ts';
import { rotateKey } from '../../activities/privacy/rotate.ts';
import { searchEstate } from '../../activities/privacy/search.ts';
import { userKeyOf } from '../../data/ingest/user-keys.ts';
import { edgeloom } from '../e2e/pipeline.ts';
import { type Cast, namesIn, rowsOf, type Shared, shared, TestEstate } from './estate.ts';

let from: Shared;
let cast: Cast;

beforeAll(async () => {
  from = await shared();
  cast = from.cast;
});

const text = async (dir: string, name: string): Promise<string> =>
  readFile(join(dir, name), 'utf8');

describe('edgeloom keys rotate', () => {
  it('re-keys lake, rejects and the erased users into what ingest makes afresh, and destroys the old key', async () => {
    const estate = await TestEstate.copy(from);
    try {
      await eraseUsers(estate, { users: [cast.gone] });
      const before = (await estate.keys.current())!;
      const oldSecret = await estate.keys.secret(before);
      const record = await rotateKey(estate, { reason: 'yearly' });
      const to = (await estate.keys.current())!;
      expect(record.keyIds).toEqual({ before, after: to });
      expect(to).not.toBe(before);

      const again = await estate.ingest();
      expect(again.reused).toBe(true);
      const rekeyed = await estate.open(again);
      const [rows, rejects, account] = [
        await rowsOf(rekeyed),
        await text(rekeyed, 'rejects.ndjson'),
        await text(rekeyed, 'account.json'),
      ];
      const fresh = await estate.open(await estate.ingest(from.logs, true));
      expect(rows.size).toBeGreaterThan(20);
      expect(rows).toEqual(await rowsOf(fresh));
      expect(rejects).toBe(await text(fresh, 'rejects.ndjson'));
      expect(account).toBe(await text(fresh, 'account.json'));
      const secret = await estate.keys.secret(to);
      expect(JSON.stringify([...rows])).toContain(userKeyOf(secret, cast.stays));

      // Every old key is gone, and so is its file; the erased user is still on the list.
      const keys = [cast.stays, cast.gone].map((id) => userKeyOf(oldSecret, id));
      expect((await searchEstate(estate, { ids: [], keys }, {})).places).toEqual([]);
      const names = await namesIn(join(estate.root, 'keys'));
      expect(names.sort()).toEqual([`${to}.erased`, `${to}.key`, 'current'].sort());
      expect((await estate.keys.erased(to))?.keys).toEqual([userKeyOf(secret, cast.gone)]);
    } finally {
      await estate.remove();
    }
  });

  it('goes on where it was when it was killed, with the same new key', async () => {
    const estate = await TestEstate.copy(from);
    try {
      const before = (await estate.keys.current())!;
      const oldKey = userKeyOf(await estate.keys.secret(before), cast.stays);
      const pending = join(estate.root, 'audit', 'pending');
      const args = ['keys', 'rotate', '--keep-old', '--workspace', estate.root];
      const run = edgeloom(args);
      for (let ready = false; !ready; await sleep(2)) {
        const names = await namesIn(pending).catch(() => []);
        ready = names.some((name) => name.endsWith('.json')) || run.child.exitCode !== null;
      }
      run.child.kill('SIGKILL');
      await run.ended;
      expect(await readAudit(estate.root)).toEqual([]);
      const begun = JSON.parse(
        await text(pending, (await namesIn(pending)).find((name) => name.endsWith('.json'))!),
      ) as { to: string };
      const again = await edgeloom(args).ended;
      expect(again.code, again.stderr).toBe(0);
      expect(await estate.keys.current()).toBe(begun.to);
      expect(await estate.keys.ids()).toEqual([begun.to, before, 'simulated'].sort());
      const found = await searchEstate(estate, { ids: [], keys: [oldKey] }, {});
      expect(found.places).toEqual([]);
      expect((await estate.ingest()).reused).toBe(true);
    } finally {
      await estate.remove();
    }
  });

  it('refuses before a first key was made, and where only simulated users are', async () => {
    const estate = await TestEstate.create(from.logs);
    try {
      await expect(rotateKey(estate)).rejects.toMatchObject({ code: 'no-user-key' });
      // With a lake of simulated users the reason is another.
      const ref = { uri: '', sha256: `sha256:${'0'.repeat(64)}`, rows: 0, bytes: 0 };
      const params = { userKeyId: 'simulated' };
      const parts = { stage: 'ingest', code: '', params, inputs: {} };
      await estate.store.keepRecord({ key: '0'.repeat(64), parts, ref, summary: {} });
      await expect(rotateKey(estate)).rejects.toMatchObject({ code: 'simulated-key', exitCode: 2 });
    } finally {
      await estate.remove();
    }
  });
});
