import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cacheFolder, ensureCacheFolder } from './cache.ts';
import { rejection, scratchFolder } from './test-support.ts';

const scratch = scratchFolder(afterAll);

test('looks at EDGELOOM_CACHE, then at XDG_CACHE_HOME, then below the home folder', () => {
  expect(cacheFolder({ EDGELOOM_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
  expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/edgeloom');
  expect(cacheFolder({ XDG_CACHE_HOME: 'relative' })).toBe(join(homedir(), '.cache/edgeloom'));
  expect(cacheFolder({})).toBe(join(homedir(), '.cache/edgeloom'));
});

test('refuses a relative EDGELOOM_CACHE', () => {
  expect(() => cacheFolder({ EDGELOOM_CACHE: 'here' })).toThrow('not an absolute path');
});

test('says how to mend a cache that cannot be written', async () => {
  const file = join(scratch, 'a-file');
  writeFileSync(file, '');
  const error = await rejection(ensureCacheFolder(join(file, 'folder')));
  expect(error.code).toBe('cache-not-writable');
  expect(error.exitCode).toBe(3);
  expect(error.fix).toContain('EDGELOOM_CACHE');
});
