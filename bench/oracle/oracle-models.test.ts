/**
 * The bench `oracle-uplift` at the smallest size that can tell anything. Rerankers of so short a log reach
 * no share that is told apart from 0: they are left to `oracle-reranker`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../models/engine/backend.ts';
import { availableBackends } from '../../models/engine/test-backends.ts';
import { sharesOfOracle, type ValuedSlate } from './slate-shares.ts';
import { upliftIn } from './uplift-world.ts';

const native = (await availableBackends()).includes('tensorflow');
const common = { seeds: [424245], users: 250, say: () => undefined };
let workDir: string;

beforeAll(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'edgeloom-oracle-models-'));
  if (native) await useBackend('tensorflow');
});
afterAll(() => rm(workDir, { recursive: true, force: true }));

describe.runIf(native)('trained on a week of 250 users', () => {
  it('the uplift model wins a share of the oracle’s orders, and none where nothing can be won', async () => {
    const options = { ...common, rollouts: 8, workDir };
    const { budgets } = await upliftIn('default', options);
    const { share, oracle, model, random } = budgets.find(({ budget }) => budget === 0.3)!;
    expect(share!.low).toBeGreaterThan(0);
    expect(share!.high).toBeLessThan(1);
    expect(share!.value).toBeCloseTo((model - random) / (oracle - random), 9);
    const none = await upliftIn('null-no-uplift', options);
    expect([none.qini.low < 0, none.qini.high > 0]).toEqual([true, true]);
    for (const { share: of, gain, model: won } of none.budgets)
      expect([of, gain.low, gain.high, won]).toEqual([null, 0, 0, 0]);
  }, 900_000);
});

describe('sharesOfOracle', () => {
  it('divides what models gain over all slates by what the oracle does', () => {
    const slate = (user: number, initial: number, oracle: number, model: number): ValuedSlate => ({
      ...{ kind: 'page', user, initial, oracle },
      models: { model, initial, oracle },
    });
    // Gains of 1 and 0 of 3 and 1; the users of the two parts are others.
    const result = sharesOfOracle([[slate(0, 1, 4, 2)], [slate(0, 2, 3, 2)]], 1);
    expect(result.estimate('model').value).toBeCloseTo(1 / 4, 12);
    expect(result.estimate('initial')).toMatchObject({ value: 0, low: 0, high: 0 });
    expect(result.estimate('oracle')).toMatchObject({ value: 1, low: 1, high: 1 });
    expect(result.difference('model', 'initial').high).toBeCloseTo(1 / 3, 12);
  });
});
