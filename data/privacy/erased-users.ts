/**
 * The list of users that were erased, so that the same logs do not bring them back: their keys under
 * one secret, sealed with that secret. Whoever can open the list could compute the keys as well.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { linkedKey } from '../ingest/user-keys.ts';
import { seal, unseal } from './seal.ts';

const PURPOSE = 'erased users';

export interface ErasedUsers {
  /** Names the content without telling it; part of the content key of an ingest. */
  id: string;
  /** Sorted. */
  keys: readonly string[];
}

export function erasedUsers(secret: Uint8Array, keys: Iterable<string>): ErasedUsers {
  const sorted = [...new Set(keys)].sort();
  const text = `edgeloom erased users ${sorted.join(' ')}`;
  return { id: createHmac('sha256', secret).update(text).digest('hex').slice(0, 16), keys: sorted };
}

export const sealErasedUsers = (secret: Uint8Array, { keys }: ErasedUsers): string =>
  seal(secret, PURPOSE, keys);

/** @throws EdgeloomError `seal-broken` */
export const openErasedUsers = (secret: Uint8Array, sealed: string, where: string): ErasedUsers =>
  erasedUsers(secret, z.array(z.string()).parse(unseal(secret, PURPOSE, sealed, where)));

/** The same users after a rotation. */
export const relinkedUsers = (
  { keys }: ErasedUsers,
  link: Uint8Array,
  secret: Uint8Array,
): ErasedUsers =>
  erasedUsers(
    secret,
    keys.map((key) => linkedKey(link, key)),
  );
