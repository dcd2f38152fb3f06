/** Request decisions of a date as tensors. */
import { type DuckDb, textList } from '../duckdb.ts';
import { withFeatures } from './compile/compile.ts';
import type { DayRows } from './day-rows.ts';
import {
  copyNumbers,
  element,
  encodeContext,
  encodeSequence,
  idColumns,
  idEncoder,
  readerOf,
  type SequenceSpec,
  sequenceColumns,
} from './encode-parts.ts';
import { BATCH_ROWS } from './encode-rerank.ts';
import type { FittedFeatures } from './fit.ts';
import { featuresSql } from './open-samples.ts';
import { type ColumnSpec, TensorFile } from './tensor-file.ts';

const LABELS = ['label_n5', 'label_n10', 'label_n15', 'label_n20', 'label_click'];
const NUMBERS = ['arm', 'propensity', ...LABELS, 'matured'];

const sequences = ({ spec }: FittedFeatures): SequenceSpec[] => [
  {
    prefix: 'since',
    length: spec.sizes.since,
    behaviour: 'exposure',
    actions: spec.actions.exposure,
  },
  {
    prefix: 'sclk',
    length: spec.sizes.sessionClicks,
    behaviour: 'page_view',
    actions: spec.actions.page_view,
  },
];

function columnsOf(fitted: FittedFeatures): Record<string, ColumnSpec> {
  const { sizes, decisionContext } = fitted.spec;
  const one = (dtype: 'F32' | 'I32', names: string[]) =>
    Object.fromEntries(names.map((name) => [name, { dtype, shape: [] }]));
  return {
    ...one('I32', ['decision', 'user', 'date', 'scene']),
    ...Object.assign({}, ...sequences(fitted).map(sequenceColumns)),
    ...idColumns('unexposed', sizes.unexposed),
    unexposed_mask: { dtype: 'F32', shape: [sizes.unexposed] },
    context: { dtype: 'I32', shape: [decisionContext.length] },
    ...one('F32', NUMBERS),
  };
}

/** Writes the decisions of `date` that have an arm and a propensity; numbered on from `firstDecision`. */
export async function encodeDecisions(
  db: DuckDb,
  date: string,
  path: string,
  fitted: FittedFeatures,
  { decisions, firstDecision }: DayRows,
  onRows: (rows: number) => void,
): Promise<void> {
  const file = await TensorFile.create(path, decisions, columnsOf(fitted), BATCH_ROWS);
  let next = firstDecision;
  const dayNumber = Date.parse(date) / 86_400_000;
  const length = fitted.spec.sizes.unexposed;
  try {
    const { spec } = fitted;
    const reader = readerOf('decision', fitted, sequences(fitted), spec.decisionContext);
    const columns = reader.columns.join(',\n    ');
    const statement = withFeatures(await featuresSql('decision-rows'), columns);
    for await (const batch of db.batches(statement, { date, scenes: textList(spec.scenes) })) {
      const { buffers } = file;
      const values = reader.read(batch);
      const unexposed = batch.lists('unexposed_item');
      const time = batch.numbers('decision_ts');
      const encodeIds = idEncoder(buffers, 'unexposed', fitted.catalogue);
      for (let row = 0; row < batch.rows; row++) {
        buffers.decision![row] = next++;
        buffers.date![row] = dayNumber;
        for (let k = 0; k < Math.min(length, unexposed.length(row)); k++) {
          const at = row * length + k;
          encodeIds(at, element(unexposed, row, k), time[row]!);
          buffers.unexposed_mask![at] = 1;
        }
      }
      copyNumbers(batch, 'user', buffers.user!);
      copyNumbers(batch, 'scene_index', buffers.scene!);
      for (const name of NUMBERS) copyNumbers(batch, name, buffers[name]!);
      for (const sequence of sequences(fitted)) {
        encodeSequence(sequence, batch, values, buffers, fitted);
      }
      encodeContext(spec.decisionContext, batch, values, buffers.context!);
      await file.flush(batch.rows);
      onRows(batch.rows);
    }
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
