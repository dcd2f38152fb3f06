import { cp, lstat, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { META } from '../bundle/fixture.ts';
import { verifyBundle } from '../bundle/verify.ts';
import { nodeFileSystem } from './file-system.ts';
import { dyingAt, Playground } from './fixture.ts';
import { readChannel, readReleases } from './repository.ts';

let root: string;
let play: Playground;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'release-'));
  play = new Playground(root);
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('publish', () => {
  it('stores the bundle under its hashes and points the channel at it', async () => {
    const { manifest, published } = await play.release('one');
    const { contentHash, manifestSha256 } = published;
    expect(published.path).toBe(
      join(play.repo, 'bundles', `${contentHash}-${manifestSha256.slice(0, 12)}`),
    );
    expect((await verifyBundle(published.path)).releaseId).toBe(manifest.releaseId);
    expect(await readReleases(nodeFileSystem, play.repo)).toHaveLength(1);
    expect((await readChannel(nodeFileSystem, play.repo, 'stable')).contentHash).toBe(
      manifest.contentHash,
    );
    expect(published.reused).toBe(false);
  });

  it('reuses equal contents, and writes nothing when a run publishes twice', async () => {
    await play.release('one', 'same');
    const { published } = await play.release('one', 'same');
    expect(published.reused).toBe(true);
    expect(await readReleases(nodeFileSystem, play.repo)).toHaveLength(1);
    await play.release('two', 'same');
    expect((await readReleases(nodeFileSystem, play.repo)).map(({ run }) => run)).toEqual([
      'one',
      'two',
    ]);
    expect(await readdir(join(play.repo, 'bundles'))).toHaveLength(1);
  });

  it.each([
    ['card', { documents: async () => ({ card: '# New card\n', report: '<!doctype html>\n' }) }],
    ['metrics', { meta: { ...META, metrics: { reranker: { rows: 7 } } } }],
    [
      'gates',
      { meta: { ...META, gates: [{ name: 'parity', passed: true, detail: 'On 600 rows.' }] } },
    ],
    ['commit', { meta: { ...META, lineage: { ...META.lineage, commit: 'abc' } } }],
  ])('publishes a bundle whose %s alone changed, and keeps the one before', async (_, change) => {
    const { published: first } = await play.release('one', 'same');
    const before = await readFile(join(first.path, 'manifest.json'), 'utf8');
    const { dir, manifest } = await play.build('same', change);
    const second = await play.publish(dir, 'one');
    expect(second.contentHash).toBe(first.contentHash);
    expect(second).toMatchObject({ reused: false, releaseId: first.releaseId });
    await play.pull();
    expect(await verifyBundle(join(play.out, 'current'))).toEqual(manifest);
    for (const name of ['MODEL_CARD.md', 'report.html', 'manifest.json']) {
      expect(await readFile(join(play.out, 'current', name), 'utf8')).toBe(
        await readFile(join(dir, name), 'utf8'),
      );
    }
    await verifyBundle(first.path);
    expect(await readFile(join(first.path, 'manifest.json'), 'utf8')).toBe(before);
    expect(await readReleases(nodeFileSystem, play.repo)).toHaveLength(2);
    // Publishing exactly this again is publishing nothing.
    expect((await play.publish(dir, 'one')).reused).toBe(true);
    expect(await readReleases(nodeFileSystem, play.repo)).toHaveLength(2);
  });

  it('stands beside a repository whose folders are named by content hash alone', async () => {
    const { manifest, published } = await play.release('one', 'same');
    await rename(published.path, join(play.repo, 'bundles', manifest.contentHash));
    await play.pull();
    expect(await play.currentHash()).toBe(manifest.contentHash);
    const again = await play.release('one', 'same');
    expect(again.published.path).toBe(published.path);
    expect(await readReleases(nodeFileSystem, play.repo)).toHaveLength(1);
  });

  it('appends to the log without changing what stands there', async () => {
    await play.release('one');
    const before = await readFile(join(play.repo, 'releases.ndjson'), 'utf8');
    await play.release('two');
    expect((await readFile(join(play.repo, 'releases.ndjson'), 'utf8')).startsWith(before)).toBe(
      true,
    );
  });

  it('goes on after a log line that was torn', async () => {
    await play.release('one');
    await writeFile(join(play.repo, 'releases.ndjson'), '{"releaseId":"2022', { flag: 'a' });
    await play.release('two');
    expect((await readReleases(nodeFileSystem, play.repo)).map(({ run }) => run)).toEqual([
      'one',
      'two',
    ]);
    await play.pull();
  });

  it('refuses a damaged bundle and changes nothing', async () => {
    const { dir } = await play.build('one');
    await writeFile(join(dir, 'features.json'), '{}');
    const published = play.publish(dir, 'x');
    await expect(published).rejects.toMatchObject({ code: 'bad-bundle' });
    await expect(lstat(play.repo)).rejects.toThrow(/ENOENT/);
  });

  it('refuses to point at a copy in the repository that is damaged', async () => {
    const { published } = await play.release('one', 'same');
    await writeFile(join(published.path, 'features.json'), '{}');
    await expect(play.release('two', 'same')).rejects.toMatchObject({ code: 'corrupt-repository' });
  });

  it('leaves the release before whole and pullable, killed at any file operation', async () => {
    const { manifest: first } = await play.release('first');
    const { dir, manifest: second } = await play.build('second');
    const settled = join(root, 'settled');
    await cp(play.repo, settled, { recursive: true });
    let outcomes = 0;
    for (let n = 0; ; n++) {
      const { fs, operations } = dyingAt(n);
      const died = await play.publish(dir, 'second', fs).then(
        () => false,
        () => true,
      );
      await rm(play.out, { recursive: true, force: true });
      const pulled = await play.pull();
      expect([first.contentHash, second.contentHash]).toContain(pulled.contentHash);
      expect(await play.currentHash()).toBe(pulled.contentHash);
      if (!died) {
        expect(pulled.contentHash).toBe(second.contentHash);
        expect(operations()).toBe(n);
        break;
      }
      // The publisher comes back and ends it.
      await play.publish(dir, 'second');
      expect((await readChannel(nodeFileSystem, play.repo, 'stable')).contentHash).toBe(
        second.contentHash,
      );
      expect(await readReleases(nodeFileSystem, play.repo)).toHaveLength(2);
      await rm(play.repo, { recursive: true });
      await cp(settled, play.repo, { recursive: true });
      outcomes++;
    }
    expect(outcomes).toBeGreaterThan(20);
  });

  it('ends consistent when several publish at once: the channel is the last of the log', async () => {
    const bundles = await Promise.all(['a', 'b', 'b', 'c'].map((weights) => play.build(weights)));
    await Promise.all(bundles.map(({ dir }, i) => play.publish(dir, `run-${i}`)));
    const releases = await readReleases(nodeFileSystem, play.repo);
    expect(releases.map(({ run }) => run).sort()).toEqual(['run-0', 'run-1', 'run-2', 'run-3']);
    expect(await readChannel(nodeFileSystem, play.repo, 'stable')).toEqual(releases.at(-1));
    expect(await readdir(join(play.repo, 'bundles'))).toHaveLength(3);
    await play.pull();
  });
});
