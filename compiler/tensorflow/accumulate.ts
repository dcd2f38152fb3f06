/**
 * Gradients gathered over several batches before one update, for batches that cannot be one: rows whose
 * weights differ, or more rows than memory holds.
 *
 *   accumulate  batch → loss; adds the batch's gradients up
 *   apply       scale → ok; updates with the sum times `scale`, and starts the sum anew
 */
import {
  type AdamOptions,
  clipped,
  exactUpdate,
  fastUpdate,
  type Slots,
  stepScalars,
} from './adam.ts';
import { NodeArithmetic } from './arithmetic.ts';
import { type End, type NodeDefs, type TfVariable, typeAttr } from './node-defs.ts';

export interface AccumulateInput {
  defs: NodeDefs;
  slots: readonly Slots[];
  /** A variable for the sum of each gradient; zeros until something is added. */
  sums: readonly TfVariable[];
  /** Nodes of the batch's gradients, and of its loss. */
  gradients: readonly string[];
  loss: string;
  /** The batch's ends. */
  inputs: Record<string, End>;
  step: TfVariable;
  options: AdamOptions;
  exact: boolean;
}

const FLOAT = { T: typeAttr('float32') };
const SCALAR = { type: 'float32', shape: [] } as const;

export function addAccumulation(input: AccumulateInput): void {
  accumulate(input);
  apply(input);
}

function accumulate({ defs, sums, gradients, loss, inputs }: AccumulateInput): void {
  const adds = sums.map(({ name }, i) =>
    defs.add(`accumulate/${name}`, 'AssignAddVariableOp', [name, gradients[i]!], {
      dtype: typeAttr('float32'),
    }),
  );
  const after = adds.map((add) => `^${add}`);
  const node = defs.add('accumulate/out/loss', 'Identity', [loss, ...after], FLOAT);
  defs.signature('accumulate', inputs, { loss: { node, ...SCALAR } });
}

function apply({ defs, slots, sums, step, options, exact }: AccumulateInput): void {
  const scale = defs.placeholder('apply/in/scale', 'float32', []);
  const f = new NodeArithmetic(defs, 'apply/mean', 'float32');
  const means = sums.map((sum) => f.mul(defs.read(sum), scale));
  const gradients = clipped(f, means, options.clipNorm, exact);
  const scalars = stepScalars(defs, 'apply', step, options);
  const computed = gradients.map((gradient) => `^${gradient}`);
  const barrier = `^${defs.add('apply/computed', 'NoOp', computed)}`;
  const writes = slots.flatMap((own, i) => {
    const gradient = gradients[i]!;
    const parts = { defs, scope: `apply/${i}`, slots: own, gradient, scalars, barrier };
    return exact ? exactUpdate(parts) : fastUpdate(parts);
  });
  const resets = sums.map((sum) => {
    const zeros = defs.add(`apply/zeros/${sum.name}`, 'ZerosLike', [defs.read(sum)], FLOAT);
    return defs.write(`apply/reset/${sum.name}`, sum, zeros, [barrier]);
  });
  const done = scalars.advance([barrier, ...[...writes, ...resets].map((write) => `^${write}`)]);
  const one = defs.constant('float32', [], Float32Array.of(1));
  const node = defs.add('apply/out/ok', 'Identity', [one, `^${done}`], FLOAT);
  defs.signature('apply', { scale: { node: scale, ...SCALAR } }, { ok: { node, ...SCALAR } });
}
