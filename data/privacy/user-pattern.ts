/**
 * How a user's id and keys are looked for in texts. Keys are 128 random bits: wherever their digits
 * stand, they are found. An id is found as a whole word; one that is short or a number, which any
 * count or item may equal, where it stands in quotes or behind the name of a user field.
 */

export interface UserTraces {
  ids: readonly string[];
  /** Under every secret that is known. */
  keys: readonly string[];
}

const SHORT = 5;

/** A word of its own anywhere, or one that could be something else. */
export const isDistinct = (id: string): boolean => id.length >= SHORT && !/^\d+$/.test(id);

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

// Letters and digits of ASCII: neighbours that make another word. The patterns are those of RE2 too.
const WORD = 'A-Za-z0-9';

/** In JSON an id may be spelt with escapes. */
const spellings = (id: string): string[] => [
  ...new Set([id, JSON.stringify(id).slice(1, -1), encodeURIComponent(id)]),
];

const alternatives = (texts: readonly string[]): string =>
  texts.flatMap(spellings).map(escaped).join('|');

/** For bytes read as text: any file. */
export function filePattern({ ids, keys }: UserTraces): string {
  const distinct = ids.filter(isDistinct);
  const others = ids.filter((id) => !isDistinct(id));
  const parts = keys.map(escaped);
  if (distinct.length > 0) {
    parts.push(`(?:^|[^${WORD}])(?:${alternatives(distinct)})(?:$|[^${WORD}])`);
  }
  if (others.length > 0) {
    const id = alternatives(others);
    parts.push(
      `["'](?:${id})["'\\\\]`,
      `user[_ ]?(?:id|key)?["'\\\\]*\\s*[:= ]\\s*["'\\\\]*(?:${id})(?:$|[^${WORD}])`,
    );
  }
  return parts.length > 0 ? parts.join('|') : '[^\\s\\S]';
}

/** For the values of a Parquet column cast to text; undefined when the column cannot hold one. */
export function columnPattern({ ids, keys }: UserTraces, column: string): string | undefined {
  const ofItems = /item|order_before|order_after|unexposed|candidates/.test(column);
  const ofUsers = /user|device|session/.test(column);
  // Items have ids of their own, and a store may number both from 1.
  const looked = ids.filter((id) => (isDistinct(id) ? !ofItems : ofUsers));
  const parts = keys.map(escaped);
  if (looked.length > 0) parts.push(`(?:^|[^${WORD}])(?:${alternatives(looked)})(?:$|[^${WORD}])`);
  return parts.length > 0 ? parts.join('|') : undefined;
}
