/** Keyed hashes of user ids. Without the key a hash cannot be led back, not even by trying all ids. */
import { createHmac } from 'node:crypto';
import { EdgeloomError } from '../../lib/errors.ts';

const MIN_KEY_BYTES = 16;
const REMEMBERED_USERS = 100_000;

export interface UserKey {
  /** First 32 hex digits of HMAC-SHA256(key, user_id). */
  key: string;
  /** First 4 bytes of the hash as an unsigned number, modulo the number of buckets. */
  bucket: number;
}

/** @returns the first 128 bits of HMAC-SHA256 over the UTF-8 bytes of the id, as hex */
export function userKeyOf(secret: Uint8Array, userId: string): string {
  return createHmac('sha256', secret).update(userId, 'utf8').digest('hex').slice(0, 32);
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
    const made = { key, bucket: Number.parseInt(key.slice(0, 8), 16) % this.#buckets };
    if (this.#known.size >= REMEMBERED_USERS) this.#known.clear();
    this.#known.set(userId, made);
    return made;
  }
}
