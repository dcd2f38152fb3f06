/** Stage `logs`: the log folder as it stands, referred to in place by the hash of its files. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../lib/errors.ts';
import { listFiles } from '../lib/files.ts';
import { canonicalJson, sha256, sha256File } from '../lib/hash.ts';
import { defineStage } from './runtime/stage.ts';

export const logs = defineStage({
  name: 'logs',
  describe: 'list the files of a log folder and hash them',
  inputs: [],
  params: z.strictObject({
    logsDir: z.string().min(1).describe('folder with dataset.json, events/, tables/'),
  }),
  module: import.meta.url,
  async external({ logsDir }, { signal }) {
    const paths = await listFiles(logsDir).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
      throw new EdgeloomError(
        {
          code: 'logs-not-found',
          what: 'The folder of device logs is not there',
          where: logsDir,
          fix: 'give --logs a folder that this worker can read',
          exitCode: 2,
        },
        { cause: error },
      );
    });
    const files = [];
    let bytes = 0;
    for (const path of paths) {
      signal?.throwIfAborted();
      const { size } = await stat(join(logsDir, path));
      files.push({ path, sha256: await sha256File(join(logsDir, path)), bytes: size });
      bytes += size;
    }
    const hash = `sha256:${sha256(canonicalJson(files))}`;
    return {
      ref: { uri: `file:${logsDir}`, sha256: hash, rows: 0, bytes },
      summary: { files: files.length, bytes },
    };
  },
  run() {
    throw new Error('logs are referred to in place');
  },
});
