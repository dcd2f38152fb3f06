/** The schema of a Parquet file as its leaves: the columns that have values. */
import { Damage } from './damage.ts';
import { type LogicalType, logicalType } from './logical-type.ts';
import type { Struct } from './thrift.ts';

const PHYSICAL = [
  'boolean',
  'int32',
  'int64',
  'int96',
  'float',
  'double',
  'bytes',
  'fixed-bytes',
] as const;
export type PhysicalType = (typeof PHYSICAL)[number];

const OPTIONAL = 1;
const REPEATED = 2;
const MAX_DEPTH = 64;

/** A column of values. */
export interface Leaf {
  /** Names from the root on, `['candidates', 'list', 'element', 'item_id']`. */
  path: readonly string[];
  physical: PhysicalType;
  logical: LogicalType | undefined;
  /** Definition level of a value that is there. */
  maxDefinition: number;
  /** Lists around the value; this reader takes 0 and 1. */
  maxRepetition: number;
  /** Definition level from which on a list has an element; 0 without a list. */
  elementDefinition: number;
  /** Whether the outermost column may be null: definition level 0 then says that it is. */
  nullable: boolean;
  /** Why `readColumn` refuses it; undefined when it does not. */
  unsupported: string | undefined;
}

/** What a node and those above it add up to. */
interface Levels {
  definition: number;
  repetition: number;
  element: number;
  nullable: boolean;
}

const ROOT: Levels = { definition: 0, repetition: 0, element: 0, nullable: false };

/** @param elements Parquet's flat list, each group before its children. @throws Damage */
export function leavesOf(elements: readonly Struct[]): Leaf[] {
  const leaves: Leaf[] = [];
  let next = 1;
  const visit = (path: string[], { definition, repetition, element, nullable }: Levels): void => {
    const node = elements[next++];
    if (!node) throw new Damage('the schema is cut off');
    if (path.length > MAX_DEPTH) throw new Damage('the schema is nested too deep');
    const kind = node.int(3) ?? 0;
    if (kind < 0 || kind > REPEATED) throw new Damage('the schema has an unknown repetition');
    const own = [...path, node.text(4) ?? ''];
    const level = definition + Number(kind === OPTIONAL || kind === REPEATED);
    const levels: Levels = {
      definition: level,
      repetition: repetition + Number(kind === REPEATED),
      element: kind === REPEATED ? level : element,
      nullable: path.length === 0 ? kind === OPTIONAL : nullable,
    };
    if (node.has(1)) {
      leaves.push(leafOf(node, own, levels));
      return;
    }
    const children = node.count(5);
    if (children > elements.length - next) throw new Damage('the schema is cut off');
    for (let i = 0; i < children; i++) visit(own, levels);
  };
  const root = elements[0];
  if (!root || root.has(1)) throw new Damage('the schema has no root');
  const children = root.int(5) ?? 0;
  for (let i = 0; i < children; i++) visit([], ROOT);
  if (next !== elements.length) throw new Damage('the schema has elements that belong nowhere');
  return leaves;
}

function leafOf(
  node: Struct,
  path: readonly string[],
  {
    definition: maxDefinition,
    repetition: maxRepetition,
    element: elementDefinition,
    nullable,
  }: Levels,
): Leaf {
  const physical = PHYSICAL[node.count(1, PHYSICAL.length - 1)]!;
  const unsupported =
    physical === 'int96' || physical === 'fixed-bytes'
      ? `values of type ${physical}`
      : maxRepetition > 1
        ? 'lists of lists'
        : undefined;
  return {
    path,
    physical,
    logical: logicalType(node),
    maxDefinition,
    maxRepetition,
    elementDefinition,
    nullable,
    unsupported,
  };
}
