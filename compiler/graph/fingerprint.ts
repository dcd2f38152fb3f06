/** Whether two graphs are the same one. */
import { createHash } from 'node:crypto';
import type { Graph } from './ir.ts';
import { keyOf } from './key.ts';

/**
 * SHA-256 of what a graph computes: operations, shapes, types, the names of its inputs and outputs,
 * and the numbers of its constants. A graph that is recorded again has the same one.
 */
export function fingerprint({ values, nodes, inputs, outputs }: Graph): string {
  const hash = createHash('sha256');
  const types = values.map(({ shape, dtype, data }) => [shape, dtype, data !== undefined]);
  const operations = nodes.map((node) => [node.op, node.attributes, node.inputs, node.outputs]);
  hash.update(keyOf([types, operations, inputs, outputs]));
  for (const { data } of values) {
    if (data) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
