import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256File } from '../lib/hash.ts';
import { changeWorld, NULL_WORLDS, type NullWorld, worldParams } from './params.ts';
import { simulate } from './simulate.ts';
import { frozenWorlds, originOf, readWorld, worldText } from './worlds.ts';

const here = import.meta.dirname;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-worlds-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('frozen worlds', () => {
  it('have the hashes that the documentation states, one row each', async () => {
    const readme = await readFile(join(here, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| `([a-z0-9-]+)` +\| `([0-9a-f]{64})` \|/gm)];
    expect(rows.map(([, name]) => name).sort()).toEqual(frozenWorlds());
    for (const [, name, stated] of rows)
      expect([name, await sha256File(join(here, 'worlds', `${name}.json`))]).toEqual([
        name,
        stated,
      ]);
  });

  it.each(frozenWorlds())('%s leaves no parameter to a default', async (world) => {
    const text = await readFile(join(here, 'worlds', `${world}.json`), 'utf8');
    const file = JSON.parse(text) as { name: string; params: unknown };
    expect(file.params).toEqual(readWorld(world).params);
    expect(file.name).toBe(world);
  });

  it('are the defaults for `default`, and it with one effect less for each null world', () => {
    const base = readWorld('default').params;
    expect(base).toEqual(worldParams.parse({}));
    for (const name of Object.keys(NULL_WORLDS) as NullWorld[]) {
      const before = name === 'no-worse-model' ? readWorld('worse-model').params : base;
      const params = readWorld(`null-${name}`).params;
      expect(params).toEqual(changeWorld(before, NULL_WORLDS[name]));
      expect(params).not.toEqual(before);
    }
  });
});

describe('readWorld', () => {
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };

  it('reads a file, fills what it leaves out, and reads back what is printed', async () => {
    const part =
      '{ "name": "mine", "about": "", "params": { "days": 2, "users": { "count": 9 } } }';
    const world = readWorld(await file('mine.json', part));
    expect(world.params).toEqual(worldParams.parse({ days: 2, users: { count: 9 } }));
    const whole = readWorld(await file('whole.json', worldText(world)));
    expect(whole.params).toEqual(world.params);
    expect(whole.sha256).not.toBe(world.sha256);
  });

  it.each([
    ['unknown.json', '{ "name": "a", "about": "", "params": { "colour": 1 } }', 'colour'],
    ['range.json', '{ "name": "a", "about": "", "params": { "days": 0 } }', 'Too small'],
    ['text.json', 'no json', 'not valid JSON'],
  ])('refuses %s and says why', async (name, text, why) => {
    const path = await file(name, text);
    expect(() => readWorld(path)).toThrow(why);
    expect(() => readWorld(path)).toThrow(expect.objectContaining({ code: 'bad-world' }));
  });

  it('tells the names when there is no such world', () => {
    expect(() => readWorld('nowhere')).toThrow(expect.objectContaining({ code: 'no-world' }));
  });
});

it('tells world, hash and changes in the description of the log and in the truth', async () => {
  const world = readWorld('null-no-drift');
  const params = changeWorld(world.params, { days: 1, users: { count: 3 } });
  const [out, truth] = [join(folder, 'logs'), join(folder, 'truth')];
  await simulate({ params, origin: originOf(world, params), out, truth });
  const { notes } = JSON.parse(await readFile(join(out, 'dataset.json'), 'utf8')) as {
    notes: string[];
  };
  expect(notes).toContain(
    `World null-no-drift, file sha256:${world.sha256}, but for days, users.count`,
  );
  const told = JSON.parse(await readFile(join(truth, 'world.json'), 'utf8')) as { origin: unknown };
  expect(told.origin).toEqual({
    name: 'null-no-drift',
    sha256: world.sha256,
    changed: ['days', 'users.count'],
  });
});
