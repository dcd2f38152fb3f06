import { expect, test } from 'vitest';
import { findPlatform, PLATFORMS, pipArguments } from './platforms.ts';

test('every row is pinned and takes its libraries out of its first wheel', () => {
  expect(new Set(PLATFORMS.map((platform) => platform.key)).size).toBe(PLATFORMS.length);
  const pins = PLATFORMS.flatMap((platform) => platform.wheels.map((wheel) => wheel.sha256));
  expect(new Set(pins).size).toBe(pins.length);
  for (const platform of PLATFORMS) {
    const taken = platform.wheels[0].take.map((rule) => rule.to);
    for (const library of platform.libraries) expect(taken).toContain(`lib/${library}`);
    for (const wheel of platform.wheels) {
      expect(wheel.sha256).toMatch(/^[0-9a-f]{64}$/);
      // A wheel's name holds its version and ends with the tags that pip is asked for.
      expect(wheel.file.startsWith(`${wheel.name.replaceAll('-', '_')}-${wheel.version}-`)).toBe(
        true,
      );
      expect(wheel.file).toContain(wheel.tags.platform);
    }
  }
});

test.each([
  ['linux', 'x64', false, 'tensorflow-cpu', '@tensorflow/tfjs-node'],
  ['linux', 'arm64', false, 'tensorflow-cpu-aws', '@tensorflow/tfjs-node'],
  ['darwin', 'arm64', false, 'tensorflow', '@tensorflow/tfjs-node'],
  ['linux', 'x64', true, 'tensorflow', '@tensorflow/tfjs-node-gpu'],
])('%s %s with gpu %s takes %s', (platform, arch, gpu, wheel, packageName) => {
  const found = findPlatform({ platform, arch, gpu });
  expect(found.wheels[0].name).toBe(wheel);
  expect(found.packageName).toBe(packageName);
});

test('the GPU row holds NVIDIA’s libraries, all beside TensorFlow’s', () => {
  const { wheels } = findPlatform({ platform: 'linux', arch: 'x64', gpu: true });
  const nvidia = wheels.slice(1);
  expect(nvidia.map((wheel) => wheel.name)).toContain('nvidia-cudnn-cu12');
  for (const wheel of nvidia) expect(wheel.take.map((rule) => rule.to)).toEqual(['lib/']);
});

test.each([
  ['win32', 'x64', false, 'win32-x64', 'WSL'],
  ['darwin', 'x64', false, 'darwin-x64', 'JavaScript backend'],
  ['freebsd', 'x64', false, 'freebsd-x64', 'JavaScript backend'],
  ['linux', 'arm64', true, 'linux-arm64-gpu', 'unset EDGELOOM_GPU'],
])('refuses %s %s (gpu %s) by name', (platform, arch, gpu, name, advice) => {
  expect(() => findPlatform({ platform, arch, gpu })).toThrowError(
    expect.objectContaining({
      code: 'unsupported-platform',
      exitCode: 3,
      message: `There is no TensorFlow library for ${name}`,
      fix: expect.stringContaining(advice),
    }),
  );
});

test('asks pip with every tag spelled out, so that its own Python does not matter', () => {
  const { wheels } = findPlatform({ platform: 'linux', arch: 'x64', gpu: false });
  expect(pipArguments(wheels[0], '/to').join(' ')).toBe(
    '-m pip download --no-deps --only-binary=:all: --platform manylinux2014_x86_64 ' +
      '--python-version 311 --implementation cp --abi cp311 --no-input ' +
      '--disable-pip-version-check --progress-bar off --retries 2 --dest /to tensorflow-cpu==2.15.1',
  );
});
