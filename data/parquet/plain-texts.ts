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
    const start = at + 4;
    let end = start;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 128) {
        // The encoder's call takes longer than the loop over a text as short as an id.
        end = start + utf8.encodeInto(text, bytes.subarray(start)).written;
        break;
      }
      bytes[end++] = unit;
    }
    lengths.setUint32(at, end - start, true);
    at = end;
  }
  return bytes.subarray(0, at);
}
