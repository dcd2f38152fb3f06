import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadedModel } from '../../compiler/index.ts';
import { laterVersion } from './build.ts';
import { buildToyBundle, META, writePart } from './fixture.ts';
import { checkGolden, readGolden } from './golden.ts';
import { type Manifest, manifestJsonSchema, manifestText, parseManifest } from './manifest.ts';
import { collidingPaths, pathProblem } from './safe-path.ts';
import { verifyBundle } from './verify.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bundle-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const sha = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

describe('paths of a bundle', () => {
  it.each([
    '/etc/passwd',
    '../up',
    'a/../../up',
    'a\\b',
    'C:/x',
    'c:x',
    'a\0b',
    'a//b',
    './a',
    'a/.',
    '',
    '.hidden',
    'nul',
    'a/COM1.txt',
    'a.',
    'ä',
    'a b',
    'a\nb',
    'x'.repeat(300),
  ])('refuses %j', (path) => {
    expect(pathProblem(path)).not.toBeNull();
  });

  it('accepts the paths of the layout', () => {
    for (const path of ['manifest.json', 'golden/reranker.rerank.json', 'metafusion/w_m.bin']) {
      expect(pathProblem(path)).toBeNull();
    }
  });

  it('never lets a path out of the folder', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', 'a', '', '\\', 'C:', '/', '\0')), (parts) => {
        const path = parts.join('/');
        if (pathProblem(path) !== null) return;
        expect(new URL(path, 'file:///bundle/').pathname).toBe(`/bundle/${path}`);
      }),
    );
  });

  it('finds names that are one file where case does not count, or file and folder at once', () => {
    expect(collidingPaths(['a/B', 'A/b'])).toEqual(['a/B', 'A/b']);
    expect(collidingPaths(['a', 'a/b'])).toEqual(['a', 'a/b']);
    expect(collidingPaths(['a/b', 'a/c'])).toBeNull();
  });
});

describe('buildBundle', () => {
  it('composes the layout and leaves behind what does not ship', async () => {
    const { dir, manifest } = await buildToyBundle(root);
    expect(manifest.files.map(({ path }) => path)).toEqual([
      'MODEL_CARD.md',
      'embeddings/index.json',
      'embeddings/shard-reranker-0000.bin',
      'features.json',
      'golden/reranker.double.json',
      'report.html',
      'reranker/config.json',
      'reranker/double.int8.tflite',
      'reranker/double.onnx',
    ]);
    expect(manifest.releaseId).toBe(`2022-04-30-${manifest.contentHash.slice(0, 12)}`);
    expect(manifest.skipped).toEqual(META.skipped);
    expect(await verifyBundle(dir)).toEqual(manifest);
  });

  it('has a content hash that a stranger can compute', async () => {
    const { dir, manifest } = await buildToyBundle(root);
    let lines = '';
    for (const { path, role } of manifest.files) {
      if (role === 'card' || role === 'report') continue;
      lines += `${sha(await readFile(join(dir, path)))}  ${path}\n`;
    }
    expect(manifest.contentHash).toBe(sha(lines));
  });

  it('keeps the content hash when only the run, the card or the report differ', async () => {
    const { manifest: first } = await buildToyBundle(root, '1');
    const { manifest: second } = await buildToyBundle(root, '2', 'weights', {
      meta: { ...META, lineage: { ...META.lineage, run: 'another' } },
      documents: async () => ({ card: 'other', report: 'other' }),
    });
    expect(second.contentHash).toBe(first.contentHash);
  });

  it('changes the content hash with the bytes of a model', async () => {
    const { manifest: first } = await buildToyBundle(root, '1');
    const { manifest: second } = await buildToyBundle(root, '2', 'new weights');
    expect(second.contentHash).not.toBe(first.contentHash);
  });

  it('joins the embedding tables of several models', async () => {
    await writePart(join(root, 'uplift'), { model: 'uplift' });
    await writePart(join(root, 'reranker'));
    const { dir } = await buildToyBundle(root, '', 'weights', {
      parts: [join(root, 'uplift'), join(root, 'reranker')],
    });
    const index = JSON.parse(await readFile(join(dir, 'embeddings/index.json'), 'utf8'));
    expect(index.tables.map(({ model }: { model: string }) => model)).toEqual([
      'reranker',
      'uplift',
    ]);
  });

  it.each([
    ['the TFLite file of the chosen profile', { chosenProfile: 'float32' }, 'incomplete-bundle'],
    ['an entry', { entries: ['double', 'triple'] }, 'incomplete-bundle'],
    ['the embeddings of its version', { version: 'v2' }, 'mixed-versions'],
  ])('refuses a part that lacks %s and leaves nothing behind', async (_, change, code) => {
    const part = join(root, 'broken');
    await writePart(part);
    const path = join(part, 'part.json');
    await writeFile(
      path,
      JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...change }),
    );
    const built = buildToyBundle(root, '', 'weights', { parts: [part] });
    await expect(built).rejects.toMatchObject({ code });
    await expect(verifyBundle(join(root, 'bundle'))).rejects.toThrow(/no manifest/);
  });

  it('refuses a part whose file is gone', async () => {
    const part = join(root, 'broken');
    await writePart(part);
    await unlink(join(part, 'reranker/double.onnx'));
    const built = buildToyBundle(root, '', 'weights', { parts: [part] });
    await expect(built).rejects.toMatchObject({
      code: 'incomplete-bundle',
      where: 'reranker/double.onnx',
    });
  });

  it('does not touch a folder that exists', async () => {
    await buildToyBundle(root);
    await expect(buildToyBundle(root)).rejects.toMatchObject({ code: 'exists' });
  });
});

describe('verifyBundle', () => {
  it.each<[string, (dir: string) => Promise<void>, RegExp]>([
    [
      'an altered file',
      (dir) => writeFile(join(dir, 'reranker/double.onnx'), 'onnx weighty'),
      /SHA-256/,
    ],
    [
      'a cut-off file',
      (dir) => truncate(join(dir, 'reranker/double.onnx'), 3),
      /3 bytes instead of/,
    ],
    ['a missing file', (dir) => unlink(join(dir, 'reranker/double.onnx')), /is missing/],
    ['an extra file', (dir) => writeFile(join(dir, 'reranker/extra.onnx'), 'x'), /does not list/],
    ['a missing manifest', (dir) => unlink(join(dir, 'manifest.json')), /no manifest/],
    [
      'a manifest that is not JSON',
      (dir) => writeFile(join(dir, 'manifest.json'), '{'),
      /not JSON/,
    ],
  ])('refuses %s', async (_, damage, message) => {
    const { dir } = await buildToyBundle(root);
    await damage(dir);
    await expect(verifyBundle(dir)).rejects.toThrow(message);
  });

  it('names the file', async () => {
    const { dir } = await buildToyBundle(root);
    await writeFile(join(dir, 'features.json'), '{"version":2}\n');
    await expect(verifyBundle(dir)).rejects.toMatchObject({ where: join(dir, 'features.json') });
  });

  it('refuses a link in place of a file', async () => {
    const { dir } = await buildToyBundle(root);
    const path = join(dir, 'reranker/double.onnx');
    await writeFile(join(root, 'elsewhere'), await readFile(path));
    await unlink(path);
    await symlink(join(root, 'elsewhere'), path);
    await expect(verifyBundle(dir)).rejects.toMatchObject({ code: 'not-a-plain-file' });
  });
});

describe('the manifest', () => {
  const change = async (edit: (manifest: Manifest) => void): Promise<string> => {
    const { manifest } = await buildToyBundle(root);
    edit(manifest);
    return manifestText(manifest);
  };

  it.each<[string, (manifest: Manifest) => void, RegExp]>([
    [
      'a path outside',
      (m) => {
        m.files[0]!.path = '../x';
      },
      /leaves the folder/,
    ],
    [
      'two paths of one name',
      (m) => {
        m.files[0]!.path = m.files[1]!.path.toUpperCase();
      },
      /collide/,
    ],
    [
      'a file in the place of the manifest',
      (m) => {
        m.files[0]!.path = 'Manifest.json';
      },
      /collide/,
    ],
    [
      'a content hash that does not fit',
      (m) => {
        m.contentHash = 'a'.repeat(64);
      },
      /content hash/,
    ],
    [
      'a release id that is a path',
      (m) => {
        m.releaseId = '../x';
      },
      /release id/,
    ],
    [
      'another format version',
      (m) => {
        Object.assign(m, { formatVersion: 2 });
      },
      /formatVersion/,
    ],
    [
      'files of an unknown model',
      (m) => {
        m.models = {};
      },
      /not among the models/,
    ],
    [
      'unknown fields',
      (m) => {
        Object.assign(m, { extra: 1 });
      },
      /[Uu]nrecognized/,
    ],
  ])('is refused with %s', async (_, edit, message) => {
    const text = await change(edit);
    expect(() => parseManifest(text, 'm')).toThrow(message);
  });

  it('has the JSON Schema that the guide publishes', async () => {
    const published = new URL('../../docs/guide/manifest.schema.generated.json', import.meta.url);
    const text = await readFile(published, 'utf8');
    expect(text, 'write manifestJsonSchema() to the file again').toBe(
      `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`,
    );
  });

  it('states the highest of the runtimes that its files need', () => {
    expect(laterVersion('2.3.0', '2.17.0')).toBe('2.17.0');
    expect(laterVersion('1.15', '1.15.0')).toBe('1.15');
  });
});

describe('golden vectors', () => {
  const loader = (factor: number) => async (): Promise<LoadedModel> => ({
    inputNames: ['x'],
    outputNames: ['y'],
    run: async ({ x }) => ({ y: Float32Array.from(x!, (value) => value * factor) }),
    dispose: async () => undefined,
  });

  it('prove a runtime that computes the model, and no other', async () => {
    const { dir } = await buildToyBundle(root);
    const loaders = { tflite: loader(2.1), onnx: loader(2.1) };
    const results = await checkGolden(dir, { loaders });
    // int8 bound is 10 % relative RMS, float bound is 1e-4 absolute.
    expect(results.map(({ path, passed }) => [path, passed])).toEqual([
      ['reranker/double.int8.tflite', true],
      ['reranker/double.onnx', false],
    ]);
  });

  it('are read as they were written', async () => {
    const { dir } = await buildToyBundle(root);
    const [vector] = await readGolden(join(dir, 'golden/reranker.double.json'));
    expect([...vector!.inputs.x!.data]).toEqual([1, 2]);
    expect(vector!.outputs.y!.shape).toEqual([2]);
  });
});
