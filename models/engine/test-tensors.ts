/** For tests: a small tensors folder with a known signal, in the layout of the features stage. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/files.ts';
import { Random } from '../../lib/random.ts';
import { type NamedTensor, writeSafetensors } from '../../lib/safetensors.ts';

export const TEST_DATES = ['2026-01-01', '2026-01-02', '2026-01-03'];

export const TEST_SIZES = {
  candidates: 6,
  exposures: 5,
  pageViews: 3,
  since: 2,
  sessionClicks: 2,
  unexposed: 2,
  exposureAction: 7,
  pageViewAction: 4,
  exposureDecay: 3,
  pageViewDecay: 3,
  dense: 2,
  context: 5,
  decisionContext: 5,
};
const ITEMS = 40;
const CATEGORIES = 6;

/**
 * Clicks follow two things: a candidate's dense number, and whether its category was looked at long
 * (action 1 of feature 0) rather than shortly (action 0) among the exposures. So a model that reads
 * actions can beat one that does not.
 */
export async function writeTestTensors(
  folder: string,
  rowsPerDate: number,
  seed = 1,
): Promise<void> {
  const s = TEST_SIZES;
  const group = (name: string, size: number) => [{ name, offset: 0, size }];
  const features = {
    version: 2,
    trainDates: TEST_DATES.slice(0, 1),
    items: {
      fields: [
        { name: 'item', size: ITEMS },
        { name: 'category', size: CATEGORIES },
      ],
    },
    actions: { exposure: group('duration_ms', 7), page_view: group('duration_ms', 4) },
    dense: [{ name: 'score' }, { name: 'score_known' }],
    context: group('hour', 5),
    decisionContext: group('hour', 5),
    sizes: s,
    scenes: ['home', 'search'],
  };
  await writeFileAtomic(join(folder, 'features.json'), JSON.stringify(features));
  for (const [day, date] of TEST_DATES.entries()) {
    const columns = dateColumns(rowsPerDate, day, Random.of(seed, date));
    await writeSafetensors(join(folder, 'rerank', `${date}.safetensors`), columns);
  }
}

function dateColumns(n: number, day: number, random: Random): Record<string, NamedTensor> {
  const { candidates: N, exposures: Ke, pageViews: Kp } = TEST_SIZES;
  const columns: Record<string, NamedTensor> = {};
  const int = (name: string, ...shape: number[]) => {
    const data = new Int32Array(n * shape.reduce((a, b) => a * b, 1));
    columns[name] = { shape: [n, ...shape], data };
    return data;
  };
  const float = (name: string, ...shape: number[]) => {
    const data = new Float32Array(n * shape.reduce((a, b) => a * b, 1));
    columns[name] = { shape: [n, ...shape], data };
    return data;
  };
  int('sample').forEach((_, i, data) => {
    data[i] = i;
  });
  int('slate').forEach((_, i, data) => {
    data[i] = i;
  });
  int('user').forEach((_, i, data) => {
    data[i] = i % Math.ceil(n / 3);
  });
  int('scene').forEach((_, i, data) => {
    data[i] = 1 + (i % 2);
  });
  int('date').fill(20_454 + day);
  int('context', 1).forEach((_, i, data) => {
    data[i] = random.below(5);
  });
  const behaviours = (prefix: string, K: number, actions: number, features: number) => {
    const item = int(`${prefix}_item`, K);
    const category = int(`${prefix}_category`, K);
    const action = int(`${prefix}_action`, K, features);
    const decay = int(`${prefix}_decay`, K);
    const mask = float(`${prefix}_mask`, K);
    const known = float(`${prefix}_known`, K);
    for (let row = 0; row < n; row++) {
      const length = random.below(K + 1);
      for (let k = 0; k < length; k++) {
        const at = row * K + k;
        item[at] = 1 + random.below(ITEMS - 1);
        category[at] = 1 + (item[at]! % (CATEGORIES - 1));
        decay[at] = random.below(3);
        mask[at] = 1;
        known[at] = random.chance(0.9) ? 1 : 0;
        action[at * features] = random.below(2);
        for (let f = 1; f < features; f++)
          action[at * features + f] = 2 + random.below(actions - 2);
      }
    }
    return { category, action, known };
  };
  const exposures = behaviours('exp', Ke, 7, 2);
  behaviours('pv', Kp, 4, 1);
  const item = int('cand_item', N);
  const category = int('cand_category', N);
  int('cand_position', N);
  const dense = float('cand_dense', N, 2);
  const mask = float('cand_mask', N);
  const labelMask = float('label_mask', N);
  const click = float('label_click', N);
  const popularity = float('popularity', N);
  for (let row = 0; row < n; row++) {
    const length = 3 + random.below(N - 2);
    for (let t = 0; t < length; t++) {
      const at = row * N + t;
      item[at] = 1 + random.below(ITEMS - 1);
      category[at] = 1 + (item[at]! % (CATEGORIES - 1));
      dense[at * 2] = random.normal();
      dense[at * 2 + 1] = 1;
      mask[at] = 1;
      popularity[at] = 0.1 + 0.01 * (item[at]! % 7);
      if (t >= length - 1) continue;
      labelMask[at] = 1;
      let interest = 0;
      for (let k = 0; k < Ke; k++) {
        const past = row * Ke + k;
        if (exposures.known[past] === 0 || exposures.category[past] !== category[at]) continue;
        interest += exposures.action[past * 2] === 1 ? 2.5 : -2.5;
      }
      const logit = -1 + 0.7 * dense[at * 2]! + interest;
      click[at] = random.chance(1 / (1 + Math.exp(-logit))) ? 1 : 0;
    }
  }
  return columns;
}
