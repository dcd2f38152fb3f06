/** FNV-1a, 32 bits, over the UTF-8 bytes of a text; a lone surrogate counts as U+FFFD. */
export function fnv1a32(text: string): number {
  let hash = 2166136261;
  const add = (byte: number) => {
    hash = Math.imul(hash ^ byte, 16777619);
  };
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (code < 0x80) add(code);
    else {
      if (code < 0x800) add(0xc0 | (code >> 6));
      else {
        if (code < 0x10000) add(0xe0 | (code >> 12));
        else {
          add(0xf0 | (code >> 18));
          add(0x80 | ((code >> 12) & 0x3f));
        }
        add(0x80 | ((code >> 6) & 0x3f));
      }
      add(0x80 | (code & 0x3f));
    }
  }
  return hash >>> 0;
}
