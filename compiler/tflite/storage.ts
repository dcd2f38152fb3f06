/** Which constants of the graph a float16 or hybrid file stores in fewer bytes, and how. */
import {
  at,
  elementCount,
  type Graph,
  type Node,
  type OpName,
  type Value,
  type ValueId,
  valueById,
} from '../graph/ir.ts';
import { fitsFloat16 } from './float16.ts';

/**
 * `float16` and `int8` constants are widened by a DEQUANTIZE; `rows` are weights of FULLY_CONNECTED
 * in int8 with a scale per row, which the kernel reads as they are.
 */
export type Storage = 'float16' | 'int8' | 'rows';
export type StoragePlan = ReadonlyMap<ValueId, Storage>;

export interface StorageOptions {
  profile: 'float16' | 'hybrid';
  /**
   * Constants with fewer elements stay float32.
   * @default where the file gets smaller
   */
  smallest?: number;
}

/** What a DEQUANTIZE, its output tensor and a table of parameters cost, rounded up. */
const OVERHEAD_BYTES = 128;
/** A scale (float32) and a zero point (int64) per row. */
const BYTES_PER_ROW = 12;

/**
 * Where an error of half a step of the largest element does no more than add noise. Fills of masks
 * and thresholds are elsewhere: −10⁹ beside 0 leaves no steps for anything in between.
 */
const tolerant = new Set<OpName>(['matmul', 'gather', 'add', 'subtract', 'multiply']);

const readers = (graph: Graph, id: ValueId): Node[] =>
  graph.nodes.filter((node) => node.inputs.includes(id));

function hybridStorage(graph: Graph, value: Value): Storage | undefined {
  // No step size holds the −∞ of a mask.
  if (!value.data?.every(Number.isFinite)) return undefined;
  const nodes = readers(graph, value.id);
  const isWeight = (node: Node): boolean => node.op === 'dense' && node.inputs[1] === value.id;
  if (nodes.length > 0 && nodes.every(isWeight)) return 'rows';
  return nodes.every((node) => tolerant.has(node.op)) ? 'int8' : undefined;
}

function savedBytes(value: Value, storage: Storage): number {
  const count = elementCount(value.shape);
  if (storage === 'float16') return 2 * count - OVERHEAD_BYTES;
  return 3 * count - OVERHEAD_BYTES - (storage === 'rows' ? BYTES_PER_ROW * at(value.shape, 0) : 0);
}

/** The storage of every constant that is not stored as float32. */
export function planStorage(graph: Graph, { profile, smallest }: StorageOptions): StoragePlan {
  const plan = new Map<ValueId, Storage>();
  for (const node of graph.nodes) {
    for (const id of node.inputs) {
      const value = valueById(graph, id);
      if (!value.data || value.dtype !== 'float32' || plan.has(id)) continue;
      const storage =
        profile === 'hybrid'
          ? hybridStorage(graph, value)
          : fitsFloat16(value.data)
            ? 'float16'
            : undefined;
      const wanted =
        storage &&
        (smallest === undefined
          ? savedBytes(value, storage) > 0
          : elementCount(value.shape) >= smallest);
      if (wanted) plan.set(id, storage);
    }
  }
  return plan;
}
