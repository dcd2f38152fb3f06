/** Parquet's PLAIN form of texts. */
const utf8 = new TextEncoder();

/** Each text in UTF-8 behind its length of four bytes; nulls are left out. */
export function plainTexts(texts: readonly (string | null)[]): Uint8Array {
  let room = 0;
  // A UTF-16 unit takes three bytes at most.
  for (const text of texts) if (text !== null) room += 4 + 3 * text.length;
  const bytes = new Uint8Array(room);
  const lengths = new DataView(bytes.buffer);
  let at = 0;
  for (const text of texts) {
    if (text === null) continue;
    const { written } = utf8.encodeInto(text, bytes.subarray(at + 4));
    lengths.setUint32(at, written, true);
    at += 4 + written;
  }
  return bytes.subarray(0, at);
}
