import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { findChange, see } from './seen-files.mjs';

const folder = mkdtempSync(join(tmpdir(), 'edgeloom-seen-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.useRealTimers();
});

/** Files written before this seem to be old enough to be told by their status. */
const later = (): void => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_000 });
};

function write(text: string): string {
  const path = join(folder, 'file');
  writeFileSync(path, text);
  return path;
}

test('does not read a file again whose status is as it was', () => {
  const path = write('one');
  later();
  const { seen } = see(path);
  seen[2] = 'the hash of something else';
  expect(findChange([seen])).toEqual({ changed: undefined, renewed: false });
});

test('reads a file again that was written a moment before it was seen', () => {
  const { seen } = see(write('one'));
  expect(findChange([seen])).toEqual({ changed: undefined, renewed: false });
  seen[2] = 'the hash of something else';
  expect(findChange([seen]).changed).toBe(seen[0]);
});

test('tells a change that keeps the size and the time of writing', () => {
  const path = write('one');
  utimesSync(path, 1000, 1000);
  later();
  const { seen } = see(path);
  write('two');
  utimesSync(path, 1000, 1000);
  expect(findChange([seen]).changed).toBe(path);
});

test('brings the status of a file up to date that holds what it held', () => {
  const path = write('one');
  const { seen } = see(path);
  later();
  expect(findChange([seen])).toEqual({ changed: undefined, renewed: true });
  expect(findChange([seen])).toEqual({ changed: undefined, renewed: false });
  rmSync(path);
  expect(findChange([seen]).changed).toBe(path);
});
