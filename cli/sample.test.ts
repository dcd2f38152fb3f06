/** `edgeloom sample` on a small simulated workspace whose stages ran one by one. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ShownSample } from '../data/samples/show-sample.ts';
import { projectRoot } from './workspace.ts';

let folder: string;
const edgeloom = (...args: string[]) =>
  spawnSync(process.execPath, [join(projectRoot, 'cli', 'edgeloom.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, EDGELOOM_WORKSPACE: join(folder, 'workspace'), COLUMNS: '80' },
  });
const json = <T>(...args: string[]): T => {
  const { status, stdout, stderr } = edgeloom(...args, '--json');
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sample-command-'));
  const logs = join(folder, 'logs');
  const made = edgeloom('simulate', '--users', '60', '--days', '3', '--no-truth', '--out', logs);
  expect(made.status).toBe(0);
  const stage = (...args: string[]) => json<{ path: string }>('stage', ...args).path;
  const lake = stage('ingest', '--input', `logs=${logs}`);
  const samples = stage('stitch', '--input', `lake=${lake}`);
  const dates = ['2026-03-02', '2026-03-03', '2026-03-04'];
  const params = JSON.stringify({ dates, trainDates: dates.slice(0, 1) });
  stage('features', '--input', `samples=${samples}`, '--params', params);
}, 300_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it.each(['rerank', 'decision', 'video', 'cohort'])(
  'tells a %s sample within 80 columns',
  (kind) => {
    const { samples } = json<{ samples: { id: string }[] }>('sample', 'list', '--kind', kind);
    const { id } = samples.at(-1)!;
    const { status, stdout } = edgeloom('sample', 'show', id, '--kind', kind);
    expect(status).toBe(0);
    expect(stdout).toContain(`${kind} sample ${id}`);
    expect(Math.max(...stdout.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(stdout).not.toMatch(/[0-9a-f]{32}/);
  },
  120_000,
);

it('finds the tensors of the workspace equal, and what the phone did not know in its lake', () => {
  const { samples } = json<{ samples: { id: string }[] }>('sample', 'list', '--clicked');
  const shown = json<ShownSample>('sample', 'show', samples[0]!.id, '--kind', 'rerank');
  expect(shown.encoded).toHaveProperty('row');
  expect(shown.features.flatMap(({ differs }) => differs ?? [])).toEqual([]);
  expect(shown.features.filter(({ differs }) => differs !== null).length).toBeGreaterThan(30);
  expect(shown.not_known!.events.length).toBeGreaterThan(0);
  expect(shown.user).toMatch(/^[0-9a-f]{8}$/);
}, 120_000);

it('says what to do without samples, and names ids near an unknown one', () => {
  const empty = edgeloom('sample', 'list', '--workspace', join(folder, 'none'));
  expect([empty.status, empty.stderr]).toEqual([
    2,
    expect.stringContaining('edgeloom stage stitch'),
  ]);
  const unknown = edgeloom('sample', 'show', 'no-such-id');
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('look alike')]);
}, 120_000);
