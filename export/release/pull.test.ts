import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../lib/hash.ts';
import { contentHashOf, type Manifest } from '../bundle/manifest.ts';
import { verifyBundle } from '../bundle/verify.ts';
import type { FileSystem } from './file-system.ts';
import { dyingAt, Playground, quickFileSystem } from './fixture.ts';
import { readPointer } from './install.ts';
import type { PublishResult } from './publish.ts';
import { pull } from './pull.ts';
import { bundleFolder } from './repository.ts';

let root: string;
let play: Playground;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'release-'));
  play = new Playground(root);
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('pull', () => {
  it('brings a verified release and keeps the one before, and no more', async () => {
    const hashes: string[] = [];
    for (const name of ['one', 'two', 'three']) {
      const { manifest } = await play.release(name);
      const pulled = await play.pull();
      expect(pulled).toMatchObject({ upToDate: false, contentHash: manifest.contentHash });
      hashes.push(manifest.contentHash);
    }
    expect(await play.currentHash()).toBe(hashes[2]);
    expect((await verifyBundle(join(play.out, 'previous'))).contentHash).toBe(hashes[1]);
    expect(await readdir(join(play.out, 'releases'))).toHaveLength(2);
    expect((await readdir(play.out)).sort()).toEqual([
      '.edgeloom-pull',
      'current',
      'previous',
      'releases',
    ]);
  });

  it('does nothing when it is up to date', async () => {
    await play.release('one');
    await play.pull();
    expect(await play.pull()).toMatchObject({ upToDate: true, fetchedBytes: 0 });
  });

  it('takes from the releases that are here what did not change', async () => {
    await play.release('one');
    await play.pull();
    const { manifest } = await play.release('two');
    const bytesOf = (suffix: string): number =>
      manifest.files.find(({ path }) => path.endsWith(suffix))!.bytes;
    expect((await play.pull()).fetchedBytes).toBe(bytesOf('.tflite') + bytesOf('.onnx'));
  });

  it('goes on where an interrupted pull stopped', async () => {
    const { manifest } = await play.release('one');
    const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
    const stop = new AbortController();
    let seen = 0;
    const stopped = pull({
      source: play.repo,
      channel: 'stable',
      outDir: play.out,
      signal: stop.signal,
      onProgress: () => {
        if (++seen === 5) stop.abort();
      },
    });
    await expect(stopped).rejects.toThrow(/abort/);
    const pulled = await play.pull();
    expect(pulled.reusedBytes).toBeGreaterThan(0);
    expect(pulled.reusedBytes + pulled.fetchedBytes).toBe(total);
  });

  it('mends a release whose files were damaged here', async () => {
    const { manifest } = await play.release('one');
    await play.pull();
    await writeFile(join(play.out, 'current/features.json'), '{"broken":true}\n');
    expect(await play.pull()).toMatchObject({ upToDate: false });
    expect(await play.currentHash()).toBe(manifest.contentHash);
    expect(await readdir(join(play.out, 'releases'))).toHaveLength(1);
  });

  it('goes back to the release before without fetching when the channel does', async () => {
    const { manifest } = await play.release('one', 'one');
    await play.pull();
    await play.release('two', 'two');
    await play.pull();
    await play.release('three', 'one');
    expect(await play.pull()).toMatchObject({ contentHash: manifest.contentHash, fetchedBytes: 0 });
    expect(await play.currentHash()).toBe(manifest.contentHash);
  });

  it('lists the channels when the one asked for is missing, and makes no folder', async () => {
    await play.release('one');
    const pulled = pull({ source: play.repo, channel: 'canary', outDir: play.out });
    await expect(pulled).rejects.toMatchObject({
      code: 'no-such-channel',
      fix: 'choose one of: stable',
    });
    await expect(lstat(play.out)).rejects.toThrow(/ENOENT/);
  });

  it.each(['../stable', 'Stable', '', 'a/b', 'a\0'])(
    'refuses the channel name %j',
    async (channel) => {
      await expect(pull({ source: play.repo, channel, outDir: play.out })).rejects.toMatchObject({
        code: 'bad-channel',
      });
    },
  );

  it.each<[string, (file: string) => Promise<void>]>([
    ['altered', (file) => writeFile(file, 'tflite two!')],
    [
      'of equal length but altered',
      async (file) => {
        const bytes = await readFile(file);
        bytes[0]! ^= 1;
        await writeFile(file, bytes);
      },
    ],
    ['missing', (file) => unlink(file)],
    [
      'a link',
      async (file) => {
        await rename(file, `${file}.real`);
        await symlink(`${file}.real`, file);
      },
    ],
  ])(
    'refuses a release with a file that is %s, names it and keeps what it had',
    async (_, damage) => {
      const { manifest: first } = await play.release('one');
      await play.pull();
      const { published } = await play.release('two');
      const file = join(published.path, 'reranker/double.int8.tflite');
      await damage(file);
      await expect(play.pull()).rejects.toMatchObject({ code: 'tampered', where: file });
      expect(await play.currentHash()).toBe(first.contentHash);
      expect(await readdir(join(play.out, 'releases'))).toHaveLength(1);
    },
  );

  it('refuses a folder of the release that is a link', async () => {
    const { published } = await play.release('one');
    const folder = join(published.path, 'golden');
    await rename(folder, join(root, 'golden'));
    await symlink(join(root, 'golden'), folder);
    await expect(play.pull()).rejects.toMatchObject({ code: 'tampered', where: folder });
  });

  it('refuses a manifest that is not the one the channel names', async () => {
    const { published } = await play.release('one');
    const path = join(published.path, 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"toy"', '"hoy"'));
    await expect(play.pull()).rejects.toMatchObject({ code: 'tampered', where: path });
  });

  it.each([
    '../../escaped',
    '/tmp/escaped',
    'a\\..\\b',
    'C:/escaped',
    'FEATURES.json',
    'a\0b',
    '..',
  ])('refuses a manifest with the path %j before it writes anything', async (path) => {
    const { manifest, published } = await play.release('one');
    await forge(manifest, published, (file) => {
      if (file.path === 'report.html') file.path = path;
    });
    await expect(play.pull()).rejects.toMatchObject({ code: 'bad-manifest' });
    expect((await readdir(root)).filter((name) => name.startsWith('escaped'))).toEqual([]);
    expect(await readdir(play.out)).toEqual([]);
  });

  it('refuses more bytes or files than it was told to expect', async () => {
    await play.release('one');
    const limited = (limits: object) =>
      pull({ source: play.repo, channel: 'stable', outDir: play.out, limits });
    await expect(limited({ totalBytes: 100 })).rejects.toMatchObject({ code: 'too-large' });
    await expect(limited({ files: 3 })).rejects.toMatchObject({ code: 'too-large' });
    await expect(limited({ manifestBytes: 10 })).rejects.toMatchObject({ code: 'too-large' });
  });

  it('does not read more of a file than the manifest states', async () => {
    const { manifest, published } = await play.release('one');
    await forge(manifest, published, (file) => {
      if (file.path === 'report.html') file.bytes = 3;
    });
    await expect(play.pull()).rejects.toThrow(/bytes instead of 3/);
  });

  it.each(['copy', 'writeNew'] as const)(
    'keeps the old release when the disk fills up in %s',
    async (operation) => {
      const { manifest: first } = await play.release('one');
      await play.pull();
      await play.release('two');
      let count = 0;
      const full: FileSystem = {
        ...quickFileSystem,
        [operation]: async (...args: [string, string]) => {
          // The first file written is the lock.
          if (++count === 2)
            throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
          await quickFileSystem[operation](...args);
        },
      };
      await expect(play.pull(full)).rejects.toMatchObject({ code: 'disk-full' });
      expect(await play.currentHash()).toBe(first.contentHash);
      expect((await readdir(play.out)).sort()).toEqual(['.edgeloom-pull', 'current', 'releases']);
      expect((await play.pull()).upToDate).toBe(false);
    },
  );

  it('keeps pointers in text files where links are not to be had', async () => {
    const noLinks: FileSystem = {
      ...quickFileSystem,
      link: async () => {
        throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
      },
    };
    await play.release('one');
    await play.pull(noLinks);
    const { manifest } = await play.release('two');
    const pulled = await play.pull(noLinks);
    expect(await readFile(join(play.out, 'current'), 'utf8')).toBe(
      `releases/${manifest.releaseId}\n`,
    );
    expect(await play.pull(noLinks)).toMatchObject({ upToDate: true, path: pulled.path });
  });

  it('does not touch a folder whose "current" it did not make', async () => {
    await play.release('one');
    await play.pull();
    await unlink(join(play.out, 'current'));
    await symlink('/etc', join(play.out, 'current'));
    await expect(play.pull()).rejects.toMatchObject({ code: 'not-a-pull-folder' });
  });

  it('has a whole current release, killed at any file operation, and mends itself', async () => {
    await play.release('zero');
    await play.pull();
    const { manifest: first } = await play.release('first');
    await play.pull();
    const { manifest: second } = await play.release('second');
    const before = join(root, 'before');
    await cp(play.out, before, { recursive: true, verbatimSymlinks: true });
    let deaths = 0;
    for (let n = 0; ; n++) {
      const died = await play.pull(dyingAt(n).fs).then(
        () => false,
        () => true,
      );
      const hash = await play.currentHash();
      expect([first.contentHash, second.contentHash]).toContain(hash);
      expect(await readPointer(quickFileSystem, play.out, 'previous')).not.toBeNull();
      await verifyBundle(join(play.out, 'previous'));
      await play.pull();
      expect(await play.currentHash()).toBe(second.contentHash);
      if (!died) break;
      await rm(play.out, { recursive: true });
      await cp(before, play.out, { recursive: true, verbatimSymlinks: true });
      deaths++;
    }
    expect(deaths).toBeGreaterThan(30);
  });

  it('lets several pulls into one folder take turns', async () => {
    const { manifest } = await play.release('one');
    const results = await Promise.all([play.pull(), play.pull(), play.pull()]);
    expect(results.filter(({ upToDate }) => !upToDate)).toHaveLength(1);
    expect(await play.currentHash()).toBe(manifest.contentHash);
    expect((await readdir(play.out)).sort()).toEqual(['.edgeloom-pull', 'current', 'releases']);
  });

  it('refuses a folder whose releases it did not make, and leaves all of it', async () => {
    await play.release('one');
    const notes = join(play.out, 'releases', 'v1', 'notes.txt');
    await mkdir(dirname(notes), { recursive: true });
    await writeFile(notes, 'precious');
    await expect(play.pull()).rejects.toMatchObject({ code: 'not-a-pull-folder' });
    expect(await readFile(notes, 'utf8')).toBe('precious');
    expect(await readdir(play.out)).toEqual(['releases']);
  });

  it('takes over a lock that a full disk left empty', async () => {
    await play.release('one');
    await play.pull();
    const lock = join(play.out, '.lock');
    await writeFile(lock, '');
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    expect(await play.pull()).toMatchObject({ upToDate: true });
  });

  it('takes over the lock of a process that died', async () => {
    await play.release('one');
    await play.pull();
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await writeFile(
      join(play.out, '.lock'),
      JSON.stringify({ host: hostname(), pid: child.pid, nonce: 'dead' }),
    );
    expect(await play.pull()).toMatchObject({ upToDate: true });
    expect((await readdir(play.out)).sort()).toEqual(['.edgeloom-pull', 'current', 'releases']);
  });
});

/** Rewrites the published manifest, with hashes that fit, as an attacker who can write there would. */
async function forge(
  manifest: Manifest,
  published: PublishResult,
  edit: (file: Manifest['files'][number]) => void,
): Promise<void> {
  for (const file of manifest.files) edit(file);
  manifest.contentHash = contentHashOf(manifest.files);
  const text = JSON.stringify(manifest);
  const { releaseId, channel, run } = published;
  const pointer = {
    releaseId,
    channel,
    run,
    contentHash: manifest.contentHash,
    manifestSha256: sha256(text),
  };
  const folder = bundleFolder(play.repo, pointer);
  await rename(published.path, folder);
  await writeFile(join(folder, 'manifest.json'), text);
  await writeFile(
    join(play.repo, 'channels/stable.json'),
    JSON.stringify({ format: 'edgeloom-channel', formatVersion: 1, ...pointer, signatures: [] }),
  );
}
