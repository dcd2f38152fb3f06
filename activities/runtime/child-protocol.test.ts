import { expect, it } from 'vitest';
import { UNREACHABLE } from '../../infra/store/s3-errors.ts';
import { isPermanent } from './child-protocol.ts';

it.each([UNREACHABLE, 'artifact-missing', 'artifact-damaged'])(
  '%s is worth another attempt',
  (code) => {
    expect(isPermanent(code)).toBe(false);
  },
);

it.each(['bad-parameters', 'store-access-denied', 'store-no-bucket'])('%s is not', (code) => {
  expect(isPermanent(code)).toBe(true);
});
