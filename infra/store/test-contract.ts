/** What every store keeps to; each store's own tests run this. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactRef, StageRecord, Store } from '../../lib/artifact.ts';
import { hashFolder } from '../../lib/hash-folder.ts';

type Files = Record<string, string | Uint8Array>;

/** Storage that one test has to itself. */
export interface StoreUnderTest {
  /** The store as a machine that has seen nothing of it opens it. */
  open(): Store;
  /** Puts other bytes of the same length in place of what the storage has for a file. */
  damage(ref: ArtifactRef, path: string): Promise<void>;
  remove(ref: ArtifactRef): Promise<void>;
  /** Where a record lies. */
  recordFile(key: string): string;
}

export async function stage(store: Store, files: Files): Promise<string> {
  const folder = await store.staging();
  await mkdir(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

export const putFiles = async (store: Store, files: Files, rows = 1): Promise<ArtifactRef> =>
  store.put(await stage(store, files), rows);

const SAMPLES = { 'a.txt': 'one', 'date=2026-03-02/b.bin': new Uint8Array([0, 255, 7]), empty: '' };
/** SHA-256 of the list of path, hash and size as JSON, computed with Python's hashlib. */
const SAMPLES_HASH = 'sha256:06df324f3e2c674f469bcaf073f29f4f949175e06a247fdcb5893a11bc7b852f';

const record = (key: string, ref: ArtifactRef, code = 'c'): StageRecord => ({
  key,
  parts: { stage: 's', code, params: { n: 1 }, inputs: {} },
  ref,
  summary: { rows: 3 },
});

export function storeContract(fresh: () => Promise<StoreUnderTest>): void {
  let storage: StoreUnderTest;
  let store: Store;
  beforeEach(async () => {
    storage = await fresh();
    store = storage.open();
  });

  describe('artifacts', () => {
    it('come back on another machine as they were put, under the hash of their files', async () => {
      const ref = await putFiles(store, SAMPLES, 7);
      expect(ref).toMatchObject({ sha256: SAMPLES_HASH, rows: 7, bytes: 6 });
      for (const machine of [store, storage.open()]) {
        expect(await machine.verify(ref)).toBe(true);
        const path = await machine.open(ref);
        expect(await hashFolder(path)).toEqual({ sha256: SAMPLES_HASH, bytes: 6, files: 3 });
        expect(await readFile(join(path, 'date=2026-03-02', 'b.bin'))).toEqual(
          Buffer.from([0, 255, 7]),
        );
      }
    });

    it('take the staging folder over', async () => {
      const folder = await stage(store, SAMPLES);
      await store.put(folder, 1);
      expect(existsSync(folder)).toBe(false);
    });

    it('that are equal are one, whoever puts them and whatever else is there', async () => {
      const first = await putFiles(store, SAMPLES);
      const other = await putFiles(store, { ...SAMPLES, 'a.txt': 'two' });
      const again = await putFiles(storage.open(), SAMPLES);
      expect(again.sha256).toBe(first.sha256);
      expect(other.sha256).not.toBe(first.sha256);
      for (const ref of [first, other]) expect(await storage.open().verify(ref)).toBe(true);
    });

    it('put by many writers at once are whole', async () => {
      const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i}`, `${i}`]));
      const machines = [store, store, storage.open(), storage.open(), storage.open()];
      const refs = await Promise.all(machines.map((machine) => putFiles(machine, files)));
      expect(new Set(refs.map(({ sha256 }) => sha256)).size).toBe(1);
      const reader = storage.open();
      expect(await reader.verify(refs[0]!)).toBe(true);
      expect((await hashFolder(await reader.open(refs[0]!))).sha256).toBe(refs[0]!.sha256);
    });

    it('opened by many readers at once are whole', async () => {
      const ref = await putFiles(store, SAMPLES);
      const reader = storage.open();
      const paths = await Promise.all(Array.from({ length: 4 }, () => reader.open(ref)));
      expect(new Set(paths).size).toBe(1);
      expect((await hashFolder(paths[0]!)).sha256).toBe(ref.sha256);
    });

    it('without files, or with the same bytes under several names, come back too', async () => {
      for (const files of [{}, { a: 'x', b: 'x', 'c/d': 'x' }] as Files[]) {
        const ref = await putFiles(store, files);
        const path = await storage.open().open(ref);
        expect((await hashFolder(path)).files).toBe(Object.keys(files).length);
      }
    });

    it('have names in any script', async () => {
      const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(name, async (text) => {
          const file = `x${text.replaceAll(/[/\\\0]/g, '_')}`;
          const ref = await putFiles(store, { [file]: text });
          expect(await readFile(join(await storage.open().open(ref), file), 'utf8')).toBe(text);
        }),
        { numRuns: 15, seed: 1 },
      );
    });

    it('that are not there are told, with what mends it', async () => {
      const ref = await putFiles(store, SAMPLES);
      await storage.remove(ref);
      const other = storage.open();
      expect(await other.verify(ref)).toBe(false);
      await expect(other.open(ref)).rejects.toMatchObject({
        code: 'artifact-missing',
        fix: expect.stringContaining('run the pipeline again'),
      });
    });

    it('that are damaged are made whole by the next put', async () => {
      const ref = await putFiles(store, SAMPLES);
      await storage.damage(ref, 'a.txt');
      expect(await storage.open().verify(ref)).toBe(false);
      expect(await putFiles(storage.open(), SAMPLES)).toMatchObject({ sha256: ref.sha256 });
      const path = await storage.open().open(ref);
      expect(await readFile(join(path, 'a.txt'), 'utf8')).toBe('one');
    });

    it('with a hash that is none are refused', async () => {
      const ref = { uri: '', rows: 0, bytes: 0, sha256: 'sha256:../../etc/passwd' };
      await expect(store.open(ref)).rejects.toMatchObject({ code: 'bad-reference' });
    });

    it('are not put when the caller gives up', async () => {
      const folder = await stage(store, SAMPLES);
      const signal = AbortSignal.abort(new Error('given up'));
      await expect(store.put(folder, 1, { signal })).rejects.toThrow('given up');
      const ref = { uri: '', rows: 1, bytes: 6, sha256: SAMPLES_HASH };
      expect(await storage.open().verify(ref)).toBe(false);
    });
  });

  describe('records', () => {
    it('are read on another machine; the last one of a node is known', async () => {
      const ref = await putFiles(store, SAMPLES);
      await store.writeRecord('ingest', record('k1', ref));
      await store.writeRecord('ingest', record('k2', ref));
      const other = storage.open();
      expect(await other.readRecord('k1')).toEqual(record('k1', ref));
      expect(await other.latestRecord('ingest')).toEqual(record('k2', ref));
      expect(await other.readRecord('k3')).toBeUndefined();
      expect(await other.latestRecord('stitch')).toBeUndefined();
    });

    it('are replaced by a later run of the same key', async () => {
      const ref = await putFiles(store, SAMPLES);
      await store.writeRecord('n/1', record('k', ref));
      await storage.open().writeRecord('n/1', record('k', { ...ref, rows: 9 }));
      expect((await store.readRecord('k'))?.ref.rows).toBe(9);
      expect((await store.latestRecord('n/1'))?.ref.rows).toBe(9);
    });

    it('of writers at once are one of theirs, whole', async () => {
      const ref = await putFiles(store, SAMPLES);
      const written = Array.from({ length: 8 }, (_, i) => record('k', { ...ref, rows: i }));
      await Promise.all(written.map((one) => storage.open().writeRecord('n', one)));
      expect(written).toContainEqual(await store.readRecord('k'));
      expect(written).toContainEqual(await store.latestRecord('n'));
    });

    it.each(['', '{"key": "k", "parts"', '{}'])('that read %j are a miss', async (text) => {
      const ref = await putFiles(store, SAMPLES);
      await store.writeRecord('n', record('k', ref));
      await writeFile(storage.recordFile('k'), text);
      expect(await storage.open().readRecord('k')).toBeUndefined();
    });
  });

  describe('scratch folders', () => {
    it('outlive an attempt and are gone when dropped', async () => {
      const folder = await store.scratch('k');
      await writeFile(join(folder, 'state'), 'step 7');
      expect(await readFile(join(await store.scratch('k'), 'state'), 'utf8')).toBe('step 7');
      await store.saveScratch('k');
      await store.dropScratch('k');
      expect(existsSync(join(folder, 'state'))).toBe(false);
      const other = storage.open();
      await other.restoreScratch('k');
      expect(existsSync(join(await other.scratch('k'), 'state'))).toBe(false);
    });

    it('that were saved are gone on from elsewhere, at the last step', async () => {
      const folder = await store.scratch('k');
      for (const step of ['step 7', 'step 8']) {
        await rm(join(folder, 'state'), { force: true });
        await writeFile(join(folder, 'state'), step);
        await store.saveScratch('k');
      }
      const other = storage.open();
      await other.restoreScratch('k');
      expect(await readFile(join(await other.scratch('k'), 'state'), 'utf8')).toBe('step 8');
    });
  });

  it('removes what a killed process left in staging, an hour later', async () => {
    const near = dirname(await store.staging());
    // No process has this id: Linux gives 4194304 at most.
    const left = join(near, '4194999-0a1b2c3d4e5f');
    const recent = join(near, '4194998-0a1b2c3d4e5f');
    const own = join(near, `${process.pid}-0a1b2c3d4e5f`);
    for (const folder of [left, recent, own]) await mkdir(folder, { recursive: true });
    const hoursAgo = new Date(Date.now() - 2 * 3_600_000);
    for (const folder of [left, own]) await utimes(folder, hoursAgo, hoursAgo);
    await store.staging();
    expect([left, recent, own].map((folder) => existsSync(folder))).toEqual([false, true, true]);
  });
}
