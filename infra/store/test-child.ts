/**
 * For tests: one action on a store in a process of its own, which the test kills.
 *   node --import tsx test-child.ts put|open <workspace> <url> <folder|reference>
 */
import { cp } from 'node:fs/promises';
import type { ArtifactRef } from '../../lib/artifact.ts';
import { MIN_PART_BYTES } from './s3-location.ts';
import { openS3Store } from './s3-open.ts';

const [action, workspace = '', url = '', what = ''] = process.argv.slice(2);
const options = { partBytes: MIN_PART_BYTES, concurrency: 1 };
const store = openS3Store(url, workspace, process.env, options);
if (action === 'put') {
  const folder = await store.staging();
  await cp(what, folder, { recursive: true });
  await store.put(folder, 1);
} else await store.open(JSON.parse(what) as ArtifactRef);
