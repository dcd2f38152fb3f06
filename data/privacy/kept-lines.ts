/** Bytes without some of their lines; the others stay byte for byte, line ends and blank lines too. */
const NEWLINE = 0x0a;

/** Whole lines in a row that stay, in as few pieces as may be. */
function* keptOf(
  lines: Buffer,
  leaves: (line: Buffer) => boolean,
  onLeave: () => void,
): Generator<Buffer, void, void> {
  let kept = 0;
  for (let at = 0; at < lines.length; ) {
    const newline = lines.indexOf(NEWLINE, at);
    const end = newline < 0 ? lines.length : newline + 1;
    if (leaves(lines.subarray(at, end))) {
      if (at > kept) yield lines.subarray(kept, at);
      kept = end;
      onLeave();
    }
    at = end;
  }
  if (kept < lines.length) yield lines.subarray(kept);
}

/**
 * Lines end at byte 0x0A. A piece ends with a line, but for the last one of a content without a newline
 * at its end. Memory holds one line at least.
 */
export async function* keptLines(
  content: AsyncIterable<Buffer>,
  leaves: (line: Buffer) => boolean,
  onLeave: () => void,
): AsyncGenerator<Buffer, void, void> {
  let held: Buffer[] = [];
  for await (const chunk of content) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      held.push(chunk);
      continue;
    }
    yield* keptOf(Buffer.concat([...held, chunk.subarray(0, end)]), leaves, onLeave);
    held = end < chunk.length ? [chunk.subarray(end)] : [];
  }
  yield* keptOf(Buffer.concat(held), leaves, onLeave);
}
