/** What a file of lines holds, decompressed, to its very end. */
import { gunzip } from '../ingest/gzip.ts';
import { type Content, Input, readChunks } from '../ingest/input.ts';
import { unzstd } from '../ingest/zstd/frames.ts';

/** How lines are packed in a file. */
export type Packing = 'plain' | 'gzip' | 'zstd';

const UNPACK = { gzip: gunzip, zstd: unzstd };

/**
 * Content in pieces. A reader that stops early leaves no file open.
 * @throws Error that says how the file is damaged, after what could be read of it
 */
export async function* contentOf(
  path: string,
  packing: Packing,
): AsyncGenerator<Buffer, void, void> {
  const chunks = readChunks(path, () => undefined);
  if (packing === 'plain') return yield* chunks;
  const content: Content = UNPACK[packing](new Input(chunks));
  try {
    const ending = yield* content;
    if (ending.kind !== 'whole') throw new Error(ending.detail);
  } finally {
    await chunks.return();
  }
}
