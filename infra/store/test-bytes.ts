/** For tests: bytes that do not compress and are the same each time. */
import { createCipheriv } from 'node:crypto';

export function seededBytes(seed: number, count: number): Buffer {
  const key = Buffer.alloc(16, seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(count));
}
