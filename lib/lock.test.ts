import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { processBirth } from './alive.ts';
import { withLock } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'edgeloom-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** Above the largest process id of Linux and macOS. */
const NO_SUCH_PID = 2 ** 30;

test('lets one in at a time, and all of them in the end', async () => {
  const path = join(folder, 'busy');
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, work, { pollMs: 1 })));
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('lets go when the work fails', async () => {
  const path = join(folder, 'failing');
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});

test('displaces a holder whose process is gone', async () => {
  const path = join(folder, 'dead');
  writeFileSync(path, JSON.stringify({ pid: NO_SUCH_PID, host: hostname(), token: 'a' }));
  expect(await withLock(path, async () => 'in')).toBe('in');
});

const canTell = processBirth(process.pid) !== undefined;
test.runIf(canTell)('displaces a holder whose process id is another process’s now', async () => {
  const path = join(folder, 'reused');
  const holder = { pid: process.pid, host: hostname(), token: 'a', birth: 'an earlier boot/1' };
  writeFileSync(path, JSON.stringify(holder));
  expect(await withLock(path, async () => 'in')).toBe('in');
});

test.each(['', '{"host":"x'])('displaces a lock that says nothing: %j', async (text) => {
  const path = join(folder, 'torn');
  writeFileSync(path, text);
  expect(await withLock(path, async () => 'in')).toBe('in');
});

test('displaces a holder on another machine only after it gave no sign of life for long', async () => {
  const path = join(folder, 'elsewhere');
  writeFileSync(path, JSON.stringify({ pid: 1, host: 'another-machine', token: 'a' }));
  const controller = new AbortController();
  const waiting = withLock(path, async () => 'in', {
    signal: controller.signal,
    pollMs: 1,
    onWait: () => controller.abort(),
  });
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });

  const longAgo = new Date(Date.now() - 120_000);
  utimesSync(path, longAgo, longAgo);
  expect(await withLock(path, async () => 'in')).toBe('in');
});

test('tells whom it waits for', async () => {
  const path = join(folder, 'told');
  const waitedFor: number[] = [];
  let release = (): void => undefined;
  const held = withLock(path, () => new Promise<void>((resolve) => (release = resolve)));
  await expect.poll(() => existsSync(path)).toBe(true);
  const second = withLock(path, async () => 'in', {
    pollMs: 1,
    onWait: (pid) => {
      waitedFor.push(pid);
      release();
    },
  });
  expect(await second).toBe('in');
  expect(waitedFor).toEqual([process.pid]);
  await held;
});
