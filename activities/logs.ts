/** Stage `logs`: the log folder as it stands, referred to in place by the hash of its files. */
import { z } from 'zod';
import { EdgeloomError } from '../lib/errors.ts';
import { hashFolder } from '../lib/hash-folder.ts';
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
    const found = await hashFolder(logsDir, signal).catch((error: NodeJS.ErrnoException) => {
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
    const { sha256, bytes, files } = found;
    return { ref: { uri: `file:${logsDir}`, sha256, rows: 0, bytes }, summary: { files, bytes } };
  },
  run() {
    throw new Error('logs are referred to in place');
  },
});
