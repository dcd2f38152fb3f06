/** Erasing a user whose rows lie in a bucket: the server's disk is searched, not the cache. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../activities/privacy/audit.ts';
import { eraseUsers } from '../../activities/privacy/erase.ts';
import { searchEstate, tracesOf } from '../../activities/privacy/search.ts';
import { findUser } from '../../data/privacy/find-user.ts';
import type { UserTraces } from '../../data/privacy/user-pattern.ts';
import { openBucket } from '../../infra/store/s3-open.ts';
import { s3Environment } from '../../infra/store/test-s3.ts';
import { type S3Server, startVersitygw, versitygwOrReason } from '../../infra/versitygw/index.ts';
import { sha256 } from '../../lib/hash.ts';
import { edgeloom } from '../e2e/pipeline.ts';
import { type Cast, rowsOf, type Shared, shared, TestEstate } from './estate.ts';

const found = await versitygwOrReason();
const reason = 'reason' in found ? ` (skipped: ${found.reason})` : '';

describe.skipIf(reason)(`edgeloom erase over a bucket${reason}`, () => {
  let root: string;
  let server: S3Server;
  let url: string;
  let from: Shared;
  let cast: Cast;
  let estate: TestEstate;
  let traces: UserTraces;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'edgeloom-erase-s3-'));
    from = await shared();
    cast = from.cast;
    if ('binary' in found) server = await startVersitygw(found.binary, join(root, 'server'));
    const bucket = `b-${randomBytes(4).toString('hex')}`;
    await mkdir(join(server.folder, bucket));
    url = `s3://${bucket}/models`;
    Object.assign(process.env, s3Environment(server), { EDGELOOM_STORE: url });
    estate = await TestEstate.copyTo(from, join(root, 'a'));
    traces = await tracesOf(estate, [cast.gone]);
  });
  afterAll(async () => {
    delete process.env.EDGELOOM_STORE;
    await server?.stop();
    await rm(root, { recursive: true, force: true });
  });

  const inBucket = async (): Promise<string[]> => {
    const { places, unread } = await searchEstate(estate, traces, {});
    expect(unread).toEqual([]);
    return places.flatMap(({ path, where }) =>
      path.startsWith('bucket:') ? `${path} ${where}` : [],
    );
  };

  /** Folders and files of the server, attributes and unfinished uploads too. */
  const onTheServer = async (): Promise<string[]> => {
    const tempDir = join(root, 'spill');
    const { places } = await findUser(join(root, 'server'), traces, { tempDir });
    return places.map(({ path, where }) => `${path} ${where}`);
  };

  it('finds the user in the bytes of the bucket: lake, refused rows in base64, derived tables', async () => {
    const places = await inBucket();
    for (const { sha256: hash } of [from.made.lake, from.made.samples].map(({ ref }) => ref)) {
      const artifact = `bucket:objects/${hash.slice('sha256:'.length)}/`;
      expect(places.some((place) => place.startsWith(artifact))).toBe(true);
    }
    expect(places.some((place) => place.endsWith('/rejects.ndjson content'))).toBe(true);
    expect(places.some((place) => place.includes('user_days.parquet column user_key'))).toBe(true);
  });

  it('finds an object that nobody’s list names, whatever the cache holds', async () => {
    const [bucket = ''] = url.slice('s3://'.length).split('/');
    const note = join(server.folder, bucket, 'models', 'note.txt');
    await writeFile(note, `about ${cast.gone}\n`);
    const args = ['erase', '--check', '--user', cast.gone, '--workspace', estate.root];
    const { code, stdout } = await edgeloom(args).ended;
    expect(code).toBe(1);
    expect(stdout).toContain('found   bucket:note.txt (bytes)');
    await rm(note);
  });

  it('leaves no trace on the server: lists, files that only they named, checkpoints, unfinished uploads', async () => {
    const own = openBucket(url, process.env);
    const body = Buffer.from(`"user_key":"${traces.keys[0]}"`);
    // A put that was killed before its list was written, a checkpoint, and an upload in parts.
    await own.put(`files/${sha256(body)}`, body, 'absent');
    await own.put('scratch/k/state', body, 'absent');
    const at = own.at(`files/${'0'.repeat(64)}`);
    const { UploadId } = await own.client.send(new CreateMultipartUploadCommand(at));
    await own.client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: body }));
    expect((await onTheServer()).length).toBeGreaterThan(20);

    const others = `r::varchar not like '%${traces.keys[0]}%'`;
    const before = await rowsOf(await estate.open(from.made.lake), others);
    const [done] = await eraseUsers(estate, { users: [cast.gone], reason: 'T-18' });
    expect(done!.found.places).toEqual([]);
    expect(done!.found.unread).toEqual([]);
    expect(await onTheServer()).toEqual([]);
    const [record] = await readAudit(estate.root);
    expect(record).toMatchObject({ rows: { rejects: 4 }, search: { places: 0, unread: 0 } });
    const stages = (record!.changes as { stage: string }[]).map(({ stage }) => stage);
    expect(stages).toEqual(['ingest', 'stitch', 'features']);

    // Another machine that has the keys, and nothing else, reuses the lake.
    const other = await TestEstate.copyKeys(estate, join(root, 'b'));
    const lake = await other.ingest();
    expect(lake.reused).toBe(true);
    expect(await readdir(join(root, 'b'))).not.toContain('store');
    expect(await rowsOf(await other.open(lake))).toEqual(before);
  });
});
