/**
 * Whose a refused row is. Its `user_key` tells when ingest could read the id. Besides, every text in
 * quotes and every word of the raw row is hashed: a row is a user's when one of them is the id. Damage
 * may have torn a quote out, so every piece between two quotes counts, whatever it is in JSON. Short
 * ids and numbers, which other fields may equal, count in rows whose user could not be read.
 */
import type { Reject } from '../ingest/rejects.ts';
import { isDistinct } from './user-pattern.ts';

/** Longer texts are no ids; see `userKeyIn`. */
const MAX_ID_LENGTH = 1024;

/** The raw row as text. */
export const rawOf = ({ encoding, raw }: Pick<Reject, 'encoding' | 'raw'>): string =>
  encoding === 'utf8' ? raw : Buffer.from(raw, 'base64').toString('utf8');

function unescaped(piece: string): string | undefined {
  try {
    return JSON.parse(`"${piece}"`) as string;
  } catch {
    return undefined;
  }
}

/** All that may be a user id in a raw row. */
export function possibleIds(reject: Pick<Reject, 'encoding' | 'raw'>): Set<string> {
  const raw = rawOf(reject);
  const found = new Set<string>();
  const take = (text: string | undefined): void => {
    if (text && text.length <= MAX_ID_LENGTH) found.add(text);
  };
  for (const piece of raw.split('"')) {
    take(piece);
    // JSON within JSON: the quotes are escaped.
    if (piece.endsWith('\\')) take(piece.slice(0, -1));
    if (piece.includes('\\')) take(unescaped(piece));
  }
  for (const [, text] of raw.matchAll(/"((?:[^"\\]|\\.)*)"/g)) {
    if (text?.includes('\\')) take(unescaped(text));
  }
  for (const separators of [/[^\w.@:-]+/, /[^\w-]+/, /[^A-Za-z0-9]+/]) {
    for (const word of raw.split(separators)) if (isDistinct(word)) take(word);
  }
  // An id that was sent as a number.
  for (const [, number] of raw.matchAll(/user_id\\?"\s*:\s*(-?\d+)/g)) take(number);
  return found;
}

/**
 * @param isTheirs whether a key is one of the users'
 * @param keysOf keys of an id, under each secret that it may have been hashed with
 */
export function isRejectOf(
  reject: Pick<Reject, 'user_key' | 'encoding' | 'raw'>,
  isTheirs: (key: string) => boolean,
  keysOf: (id: string) => readonly string[],
): boolean {
  if (reject.user_key !== null && isTheirs(reject.user_key)) return true;
  // A row that names one user may hold another's id elsewhere: both may ask for it.
  for (const id of possibleIds(reject)) {
    if (reject.user_key !== null && !isDistinct(id)) continue;
    if (keysOf(id).some(isTheirs)) return true;
  }
  return false;
}
