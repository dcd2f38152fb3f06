/** Stage `release`: publishes the bundle to the release repository and moves the channel. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { publish } from '../export/release/publish.ts';
import { defineStage } from './runtime/stage.ts';

export const release = defineStage({
  name: 'release',
  describe: 'publish a bundle and point a channel at it',
  inputs: ['bundle'],
  params: z.strictObject({ channel: z.string().default('stable'), date: z.iso.date() }),
  module: import.meta.url,
  cached: false,
  async run({ inputs, outDir, machine, signal, onProgress }, { channel, date }) {
    const result = await publish({
      bundleDir: inputs.bundle!,
      repoDir: machine.releaseDir,
      channel,
      runId: `daily/${date}`,
      signal,
      onProgress,
    });
    const { releaseId, contentHash, path, reused } = result;
    await mkdir(outDir);
    await writeFile(join(outDir, 'release.json'), `${JSON.stringify(result, null, 2)}\n`);
    return { rows: 0, summary: { releaseId, contentHash, path, reused, channel } };
  },
});
