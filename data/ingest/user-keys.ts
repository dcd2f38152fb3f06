/** Keyed hashes of user ids. Without the key a hash cannot be led back, not even by trying all ids. */
import { createHmac } from 'node:crypto';
import { EdgeloomError } from '../../lib/errors.ts';

const MIN_KEY_BYTES = 16;
const REMEMBERED_USERS = 100_000;

export interface UserKey {
  /** First 32 hex digits of HMAC-SHA256(key, user_id); after a rotation a chain of them. */
  key: string;
  /** First 4 bytes of the hash as an unsigned number, modulo the number of buckets. */
  bucket: number;
}

/** Bytes of one link of a secret. */
export const LINK_BYTES = 32;

/** The first 128 bits of HMAC-SHA256 over the UTF-8 bytes of a text, as hex: one link of a chain. */
export const linkedKey = (link: Uint8Array, text: string): string =>
  createHmac('sha256', link).update(text, 'utf8').digest('hex').slice(0, 32);

/**
 * Key of a user. A secret of n × 32 bytes is a chain of n links, as rotation makes it: key 1 is of the
 * id, key i + 1 of the text of key i. A secret of any other length is one link.
 */
export function userKeyOf(secret: Uint8Array, userId: string): string {
  if (secret.length % LINK_BYTES !== 0) return linkedKey(secret, userId);
  let key = userId;
  for (let at = 0; at < secret.length; at += LINK_BYTES) {
    key = linkedKey(secret.subarray(at, at + LINK_BYTES), key);
  }
  return key;
}

/** @throws EdgeloomError `weak-user-key` when the secret is too short */
export function checkUserKey(secret: Uint8Array): void {
  if (secret.length >= MIN_KEY_BYTES) return;
  throw new EdgeloomError({
    code: 'weak-user-key',
    what: `The key that hashes user ids has ${secret.length} bytes; it needs ${MIN_KEY_BYTES} or more`,
    fix: 'make one with 32 random bytes and keep it: another key makes other users of the same people',
  });
}

/** The bucket of a user's rows. */
export const bucketOf = (key: string, buckets: number): number =>
  Number.parseInt(key.slice(0, 8), 16) % buckets;

export class UserKeys {
  readonly #secret: Uint8Array;
  readonly #buckets: number;
  readonly #known = new Map<string, UserKey>();

  /** @param secret one that `checkUserKey` lets pass */
  constructor(secret: Uint8Array, buckets: number) {
    this.#secret = secret;
    this.#buckets = buckets;
  }

  of(userId: string): UserKey {
    const known = this.#known.get(userId);
    if (known) return known;
    const key = userKeyOf(this.#secret, userId);
    const made = { key, bucket: bucketOf(key, this.#buckets) };
    if (this.#known.size >= REMEMBERED_USERS) this.#known.clear();
    this.#known.set(userId, made);
    return made;
  }
}
