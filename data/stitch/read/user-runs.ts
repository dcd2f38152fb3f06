/** Whose the rows of a row group are. */
import { appendCodes } from '../../columns/append.ts';
import { chunkTexts } from '../../columns/chunk-texts.ts';
import { Ints } from '../../columns/growing.ts';
import type { TextIndex } from '../../columns/text-index.ts';
import type { OpenFile } from './lake-reader.ts';
import type { Load } from './loads.ts';

export const USER = { read: 'codes', codes: 'user', column: 'user_key' } as const satisfies Load;

/** Rows `from[i] … to[i] − 1` are those of `user[i]`; rows of nobody are left out. */
export interface UserRuns {
  user: Int32Array;
  from: Int32Array;
  to: Int32Array;
}

/** Ingest sorts files by user, so there are about as many runs as users; any other order is read as well. */
export async function readUserRuns(
  file: OpenFile,
  group: number,
  users: TextIndex,
): Promise<UserRuns> {
  const chunk = await file.read(group, USER);
  const [user, from, to] = [new Ints(), new Ints(), new Ints()];
  if (chunk) {
    const found = new Ints();
    const texts = chunkTexts(chunk.vector, chunk.maxDefinition);
    const rows = file.groups[group]!;
    appendCodes(found, texts, [0, rows], users);
    const codes = found.view();
    for (let start = 0; start < rows; ) {
      const code = codes[start]!;
      let end = start + 1;
      while (end < rows && codes[end] === code) end++;
      if (code >= 0) {
        user.push(code);
        from.push(start);
        to.push(end);
      }
      start = end;
    }
  }
  return { user: user.view().slice(), from: from.view().slice(), to: to.view().slice() };
}
