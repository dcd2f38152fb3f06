/** Small values that must stay on the disk without being readable there: AES-256-GCM under a user key's secret. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { EdgeloomError } from '../../lib/errors.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const keyFor = (secret: Uint8Array, purpose: string): Buffer =>
  createHmac('sha256', secret).update(`edgeloom seal ${purpose}`).digest();

/** @param purpose separates the uses of one secret: what was sealed for one does not open for another */
export function seal(secret: Uint8Array, purpose: string, value: unknown): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyFor(secret, purpose), nonce);
  const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
}

/** @throws EdgeloomError `seal-broken` for another secret, another purpose, or altered bytes */
export function unseal(
  secret: Uint8Array,
  purpose: string,
  sealed: string,
  where: string,
): unknown {
  const bytes = Buffer.from(sealed, 'base64');
  try {
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const cipher = createDecipheriv('aes-256-gcm', keyFor(secret, purpose), nonce, {
      authTagLength: TAG_BYTES,
    });
    cipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const body = cipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return JSON.parse(Buffer.concat([body, cipher.final()]).toString('utf8'));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'seal-broken',
        what: 'A sealed file does not open with its key: it was altered, or sealed with another',
        where,
        fix: 'bring the file and the key back from a copy of the keys/ folder',
      },
      { cause: error },
    );
  }
}
