import { afterEach, expect, it, vi } from 'vitest';
import { useBackend } from './backend.ts';
import { NATIVE_BACKEND, nativeBackend } from './backend-name.ts';
import { availableBackends } from './test-backends.ts';

afterEach(() => vi.unstubAllEnvs());

it('names library, threads and GPU, all of which results depend on', () => {
  vi.stubEnv('EDGELOOM_GPU', '');
  vi.stubEnv('TF_NUM_INTRAOP_THREADS', undefined);
  vi.stubEnv('TF_NUM_INTEROP_THREADS', undefined);
  expect(nativeBackend('2.15.1')).toBe('tensorflow@2.15.1/2x1');
  vi.stubEnv('EDGELOOM_GPU', '1');
  vi.stubEnv('TF_NUM_INTRAOP_THREADS', '8');
  expect(nativeBackend('2.15.1')).toBe('tensorflow-gpu@2.15.1/8x1');
});

it.each(['tensorflow', 'tensorflow-gpu', 'tensorflow@2.15.1/2x1'])('knows %s', (kind) => {
  expect(NATIVE_BACKEND.test(kind)).toBe(true);
});

it.each(['tensorflows', 'tensorflow@2.15.1/2', 'cpu'])(
  'does not take %s for TensorFlow',
  (kind) => {
    expect(NATIVE_BACKEND.test(kind)).toBe(false);
  },
);

const native = (await availableBackends()).includes('tensorflow');
it.runIf(native)('refuses to compute under the name of another library', async () => {
  await expect(useBackend('tensorflow@1.0/2x1')).rejects.toMatchObject({ code: 'backend-differs' });
});
