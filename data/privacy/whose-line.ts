/**
 * Whose a line of a raw log is: of the user whom its `user_id` names. Of a line in which nobody can
 * read that, whosever id stands in it, as with refused rows.
 */
import { possibleIds } from './whose-reject.ts';

const BACKSLASH = 0x5c;

/** The user that a row names; undefined when it names none. */
function namedUser(text: string): string | undefined {
  try {
    const { user_id: id } = JSON.parse(text) as { user_id?: unknown };
    return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
  } catch {
    return undefined;
  }
}

/** Tells the lines of some users; a line comes with or without its newline. */
export function lineOwner(ids: readonly string[]): (line: Buffer) => boolean {
  const spelt = ids.map((id) => Buffer.from(id));
  const theirs = new Set(ids);
  return (line) => {
    // Most lines hold none of the ids, and no escape that could spell one.
    const holds = line.includes(BACKSLASH) || spelt.some((id) => line.includes(id));
    if (!holds) return false;
    // A byte order mark may stand before the first line.
    const raw = line.toString('utf8').replace(/^\ufeff/, '');
    const named = namedUser(raw);
    if (named !== undefined) return theirs.has(named);
    for (const id of possibleIds({ encoding: 'utf8', raw })) if (theirs.has(id)) return true;
    return false;
  };
}
