/** For tests: a tensors folder of randomised decisions whose uplift is known. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/files.ts';
import { Random } from '../../lib/random.ts';
import { type NamedTensor, writeSafetensors } from '../../lib/safetensors.ts';

export const DATES = ['2026-01-01', '2026-01-02', '2026-01-03'];
const SIZES = { since: 3, sessionClicks: 2, unexposed: 3 };

/**
 * Three days of decisions. The context says two things: whether the user buys often (bits 0, 1) and
 * whether a request helps (bits 2, 3; +`effect` logits against −`effect`). Those who buy often are
 * helped less often, so that a greedy rule asks in the wrong places. `effect` 0: requests do nothing.
 */
export async function writeTestDecisions(
  folder: string,
  rowsPerDate: number,
  effect: number,
): Promise<void> {
  const group = (name: string, size: number) => [{ name, offset: 0, size }];
  const features = {
    version: 2,
    trainDates: DATES.slice(0, 1),
    items: { fields: [{ name: 'item', size: 20 }] },
    actions: { exposure: group('duration_ms', 4), page_view: group('duration_ms', 4) },
    dense: [{ name: 'score' }],
    context: group('hour', 4),
    decisionContext: group('hour', 4),
    sizes: {
      ...SIZES,
      candidates: 2,
      exposures: 2,
      pageViews: 2,
      exposureAction: 4,
      pageViewAction: 4,
      exposureDecay: 2,
      pageViewDecay: 2,
      dense: 1,
      context: 4,
      decisionContext: 4,
    },
    scenes: ['home'],
  };
  await writeFileAtomic(join(folder, 'features.json'), JSON.stringify(features));
  for (const date of DATES) {
    const columns = decisions(rowsPerDate, effect, Random.of(1, date));
    await writeSafetensors(join(folder, 'decisions', `${date}.safetensors`), columns);
  }
}

function decisions(n: number, effect: number, random: Random): Record<string, NamedTensor> {
  const columns: Record<string, NamedTensor> = {};
  const ints = (name: string, shape: number[], value: (i: number) => number) => {
    const size = shape.reduce((a, b) => a * b, n);
    columns[name] = {
      shape: [n, ...shape],
      data: Int32Array.from({ length: size }, (_, i) => value(i)),
    };
  };
  const floats = (name: string, shape: number[], value: (i: number) => number) => {
    const size = shape.reduce((a, b) => a * b, n);
    columns[name] = {
      shape: [n, ...shape],
      data: Float32Array.from({ length: size }, (_, i) => value(i)),
    };
  };
  for (const [prefix, length] of [
    ['since', SIZES.since],
    ['sclk', SIZES.sessionClicks],
    ['unexposed', SIZES.unexposed],
  ] as const) {
    ints(`${prefix}_item`, [length], () => random.below(20));
    floats(`${prefix}_mask`, [length], () => 1);
    if (prefix === 'unexposed') continue;
    floats(`${prefix}_known`, [length], () => 1);
    ints(`${prefix}_action`, [length, 1], () => random.below(4));
    ints(`${prefix}_decay`, [length], () => random.below(2));
  }
  const keen = Array.from({ length: n }, () => random.chance(0.5));
  const helped = keen.map((k) => random.chance(k ? 0.3 : 0.7));
  ints('context', [2], (i) =>
    i % 2 === 0 ? Number(keen[i / 2]) : 2 + Number(helped[(i - 1) / 2]),
  );
  ints('user', [], (i) => Math.floor(i / 4));
  floats('arm', [], () => Number(random.chance(0.5)));
  floats('propensity', [], () => 0.5);
  floats('matured', [], () => 1);
  const { arm } = columns;
  floats('label_n10', [], (i) => {
    const base = keen[i] ? 0 : -2;
    const change = effect * (helped[i] ? 1 : -1) * arm!.data[i]!;
    return Number(random.chance(1 / (1 + Math.exp(-base - change))));
  });
  return columns;
}
