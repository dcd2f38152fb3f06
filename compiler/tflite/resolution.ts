/** How fine the result of an int8 kernel may be beside its inputs: beyond, runtimes abort or refuse. */
import type { TfliteTensor } from './model.ts';
import type { OperatorName } from './schema.ts';

/** Sums put both inputs in units of twice the larger scale over 2²⁰. */
const SUM_RESOLUTION = 2 ** 19;
/** The largest factor from a product's unit to the result's that XNNPACK takes. */
const LARGEST_FACTOR = 256;

/** The smallest output scale that the kernel takes; 0 where there is no limit. */
export function finestScale(op: OperatorName, inputs: readonly TfliteTensor[]): number {
  const [a = 0, b = 0] = inputs.map(({ quantization }) =>
    Math.max(...(quantization?.scale ?? [0])),
  );
  switch (op) {
    case 'ADD':
    case 'SUB':
      return Math.max(a, b) / SUM_RESOLUTION;
    case 'MUL':
    case 'BATCH_MATMUL':
    case 'FULLY_CONNECTED':
      return (a * b) / LARGEST_FACTOR;
    case 'SUM':
    case 'MEAN':
      return a / LARGEST_FACTOR;
    default:
      return 0;
  }
}
