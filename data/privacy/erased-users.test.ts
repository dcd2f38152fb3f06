import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkedKey, userKeyOf } from '../ingest/user-keys.ts';
import { erasedUsers, openErasedUsers, relinkedUsers, sealErasedUsers } from './erased-users.ts';
import { isRejectOf } from './whose-reject.ts';

const one = Buffer.alloc(32, 1);
const two = Buffer.alloc(32, 2);

describe('keys in a chain', () => {
  it('are those of one link, hashed by the next', () => {
    expect(userKeyOf(Buffer.concat([one, two]), 'user-7')).toBe(
      linkedKey(two, linkedKey(one, 'user-7')),
    );
    expect(userKeyOf(one, 'user-7')).toBe(linkedKey(one, 'user-7'));
  });
});

describe('the list of erased users', () => {
  it('opens with its secret only, holds no key in the open, and does not depend on the order', () => {
    const list = erasedUsers(one, ['b', 'a', 'b']);
    expect(list).toEqual(erasedUsers(one, ['a', 'b']));
    expect(erasedUsers(one, ['a']).id).not.toBe(list.id);
    const key = userKeyOf(one, 'user-7');
    const sealed = sealErasedUsers(one, erasedUsers(one, [key]));
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain(key);
    expect(openErasedUsers(one, sealed, 'x').keys).toEqual([key]);
    expect(() => openErasedUsers(two, sealed, 'x')).toThrow(/altered/);
    const altered = `${sealed.slice(0, -6)}AAAAA=`;
    expect(() => openErasedUsers(one, altered, 'x')).toThrow(/altered/);
  });

  it('names the same users after a rotation', () => {
    const chain = Buffer.concat([one, two]);
    const before = erasedUsers(one, [userKeyOf(one, 'user-7')]);
    expect(relinkedUsers(before, two, chain)).toEqual(
      erasedUsers(chain, [userKeyOf(chain, 'user-7')]),
    );
  });
});

describe('whose a refused row is', () => {
  const theirs = new Set([userKeyOf(one, 'user-7'), userKeyOf(one, '12')]);
  const isTheirs = (key: string): boolean => theirs.has(key);
  const keysOf = (id: string): string[] => [userKeyOf(one, id)];
  const of = (raw: string, user_key: string | null = null): boolean =>
    isRejectOf({ user_key, encoding: 'utf8', raw }, isTheirs, keysOf);

  it('is told by the key, by a text in quotes, a word, a number behind user_id, or JSON in JSON', () => {
    expect(of('{}', userKeyOf(one, 'user-7'))).toBe(true);
    expect(of('{"user_id":"user-7","ts":')).toBe(true);
    expect(of('er_id":"user-7')).toBe(true);
    expect(of('torn user-7 off')).toBe(true);
    expect(of('{"user_id":12}')).toBe(true);
    expect(of('{\\"user_id\\":\\"user-7\\"}')).toBe(true);
    expect(of('{"user_id":"us\\u0065r-7"}')).toBe(true);
    expect(of('{"user_id":"user-70"} user-77')).toBe(false);
    expect(of('{"rows":12}')).toBe(false);
  });

  it('is not told by a number when the row names another user', () => {
    const other = userKeyOf(one, 'somebody');
    expect(of('{"user_id":"somebody","item_id":"12"}', other)).toBe(false);
    expect(of('{"user_id":"somebody","item_id":"12"}')).toBe(true);
    expect(of('{"user_id":"somebody","device_id":"user-7"}', other)).toBe(true);
  });

  it('is told for every id that JSON can hold, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 40 }), fc.string(), (id, around) => {
        const raw = `{"x":${JSON.stringify(around)},"user_id":${JSON.stringify(id)},"t`;
        const own = new Set([userKeyOf(one, id)]);
        const reject = { user_key: null, encoding: 'utf8' as const, raw };
        expect(isRejectOf(reject, (key) => own.has(key), keysOf)).toBe(true);
      }),
    );
  });
});
