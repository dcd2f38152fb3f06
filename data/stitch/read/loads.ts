/** What a column of a part is made of: values of one column of the lake, or of two. */
import type { ColumnKind } from '../../columns/event-table.ts';
import type { Coded } from '../part.ts';

/** A column of the lake's files, or a field of the structs in its lists. */
export interface Source {
  column: string;
  field?: string;
  /** Whether it is a list. */
  list?: true;
}

export type Load =
  /** Whole numbers of 32 bits. */
  | (Source & { read: 'ints' })
  /** Numbers; where they are null those of the column `or`. */
  | (Source & { read: 'floats'; or?: string })
  /** Texts by their codes, which texts of one kind share; `unknown` stands for null. */
  | (Source & { read: 'codes'; codes: Coded; unknown?: string })
  /** What a function makes of texts. */
  | (Source & { read: 'parsed'; as: 'int' | 'float'; parse: (text: string) => number })
  /** Texts of which hardly two are alike. */
  | (Source & { read: 'bytes' })
  /** 1 where a list is not null, else 0. */
  | (Source & { read: 'presence'; list: true })
  /** How long a list is. */
  | (Source & { read: 'lengths'; list: true })
  /** What a function makes of two numbers, NaN for null, as a whole number. */
  | (Source & { read: 'pairs'; and: string; of: (first: number, second: number) => number });

export type Loads = Readonly<Record<string, Load>>;

export function kindOf(load: Load): ColumnKind {
  switch (load.read) {
    case 'bytes':
      return 'bytes';
    case 'presence':
    case 'lengths':
    case 'pairs':
      return 'int';
    case 'floats':
      return load.list ? 'floats' : 'float';
    case 'parsed':
      return load.as === 'float' ? (load.list ? 'floats' : 'float') : load.list ? 'ints' : 'int';
    default:
      return load.list ? 'ints' : 'int';
  }
}

/** What must stand in a column of a file. */
export type Holds = 'ints' | 'numbers' | 'texts' | 'lists';

/** The columns that a load reads, each with what it must hold. */
export function sourcesOf(load: Load): (Source & { holds: Holds })[] {
  const first = { column: load.column, ...(load.field && { field: load.field }) };
  const source = { ...first, ...(load.list && { list: load.list }) };
  switch (load.read) {
    case 'ints':
      return [{ ...source, holds: 'ints' }];
    case 'floats':
      return [
        { ...source, holds: 'numbers' },
        ...(load.or ? [{ column: load.or, holds: 'numbers' as const }] : []),
      ];
    case 'pairs':
      return [
        { ...source, holds: 'numbers' },
        { column: load.and, holds: 'numbers' },
      ];
    case 'presence':
    case 'lengths':
      return [{ ...source, holds: 'lists' }];
    default:
      return [{ ...source, holds: 'texts' }];
  }
}
