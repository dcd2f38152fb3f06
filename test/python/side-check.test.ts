/** What other people's runtimes say of our files. One Python run makes the report, each line is a test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { olderRuntime } from '../../compiler/tflite/versions.ts';
import { KNOWN, knownOf } from './known.ts';
import { sideCheckPythons } from './pythons.ts';
import { type Result, sideCheck } from './report.ts';
import { type Case, writeCases } from './write-cases.ts';

const OLD_PHONE = 'tflite-runtime 2.14';
const OLD_PHONE_VERSION = '2.14.0';

async function check(): Promise<{ cases: Case[]; results: Result[] } | undefined> {
  const pythons = await sideCheckPythons();
  if ('reason' in pythons) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'edgeloom-side-check-'));
  try {
    await tf.setBackend('cpu');
    const cases = await writeCases(folder);
    return { cases, results: await sideCheck(folder, pythons) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function expectResult({ status, error, message }: Result, tolerance: number): void {
  expect(message).toBe('');
  expect(status).toBe('ran');
  expect(error).toBeLessThanOrEqual(tolerance);
}

const checked = await check();

describe.skipIf(!checked)('other runtimes (skipped without Python 3.11)', () => {
  const { cases, results } = checked ?? { cases: [], results: [] };
  const caseOf = (id: string): Case => cases.find((each) => each.id === id)!;

  test('every file was looked at by every runtime of its format', () => {
    const count = (name: string): number => results.filter((line) => line.check === name).length;
    const [onnx, tflite] = (['onnx', 'tflite'] as const).map(
      (format) => cases.filter(({ profile }) => profile.format === format).length,
    );
    expect(onnx).toBeGreaterThan(80);
    expect(tflite).toBeGreaterThan(160);
    for (const name of ['onnx.checker', 'ONNX Runtime']) expect(count(name), name).toBe(onnx);
    for (const name of ['LiteRT with XNNPACK', 'LiteRT without XNNPACK', OLD_PHONE]) {
      expect(count(name), name).toBe(tflite);
    }
    expect(count('MNN')).toBeGreaterThan(onnx!);
  });

  for (const result of results) {
    const each = caseOf(result.id);
    const { tolerance } = each.profile;
    const known = knownOf(result.check, each);
    if (known) {
      const does = known.says === 'wrong' ? 'gets wrong' : 'refuses';
      test(`${result.check} ${does} ${result.id}: ${known.why}`, () => {
        if (known.says === 'wrong') expect(result.error).toBeGreaterThan(tolerance);
        else
          expect(result).toMatchObject({
            status: 'refused',
            message: expect.stringMatching(known.says),
          });
      });
    } else if (result.check === OLD_PHONE && olderRuntime(OLD_PHONE_VERSION, each.minRuntime!)) {
      test(`${OLD_PHONE} refuses ${result.id}, which says ${each.minRuntime}`, () => {
        expect(result.status).toBe('refused');
      });
    } else {
      test(`${result.check} agrees on ${result.id}`, () => expectResult(result, tolerance));
    }
  }

  test('every known refusal was met', () => {
    const met = new Set(results.map((result) => knownOf(result.check, caseOf(result.id))));
    for (const known of KNOWN) expect(met, known.why).toContain(known);
  });
});
