/** Stage `release`: publishes the bundle to the release repository and moves the channel. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MANIFEST_FILE, parseManifest } from '../export/bundle/manifest.ts';
import { publish } from '../export/release/publish.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { defineStage } from './runtime/stage.ts';

export const release = defineStage({
  name: 'release',
  describe: 'publish a bundle and point a channel at it',
  inputs: ['bundle'],
  params: z.strictObject({ channel: z.string().default('stable'), date: z.iso.date() }),
  module: import.meta.url,
  cached: false,
  async run({ inputs, outDir, machine, signal, onProgress }, { channel, date }) {
    const { gates } = parseManifest(
      await readFile(join(inputs.bundle!, MANIFEST_FILE), 'utf8'),
      MANIFEST_FILE,
    );
    const failed = gates.filter(({ passed }) => !passed);
    if (failed.length > 0) {
      throw new EdgeloomError({
        code: 'gate-failed',
        what: `The bundle is not released: ${failed.map(({ name, detail }) => `${name} (${detail})`).join('; ')}`,
        where: inputs.bundle!,
        fix: 'read report.html in that folder; the channel keeps the release before',
      });
    }
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
