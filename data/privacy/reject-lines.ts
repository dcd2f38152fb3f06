/** Rewriting `rejects.ndjson` line by line. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Reject } from '../ingest/rejects.ts';

/**
 * Copies a reject file; it is its owner's only, as the first one was.
 * @param change the line to write, the given one to keep it as it is, or undefined to leave it out
 */
export async function rewriteRejects(
  from: string,
  to: string,
  change: (reject: Reject) => Reject | undefined,
): Promise<void> {
  const out = await open(to, 'wx', 0o600);
  try {
    for await (const line of createInterface({
      input: createReadStream(from),
      crlfDelay: Infinity,
    })) {
      if (line === '') continue;
      const reject = JSON.parse(line) as Reject;
      const changed = change(reject);
      if (changed) await out.appendFile(`${changed === reject ? line : JSON.stringify(changed)}\n`);
    }
    await out.sync();
  } finally {
    await out.close();
  }
}
