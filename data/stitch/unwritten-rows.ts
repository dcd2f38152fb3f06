/** Rows of a date whose samples stand already: counted like all rows, and not kept. */
import { SampleTable } from './sample-table.ts';

const NO_COLUMNS = {
  types: {},
  sequenceOf: (column: string) => column,
  dictionaryOf: () => undefined,
};

export class UnwrittenRows extends SampleTable {
  constructor() {
    super('', NO_COLUMNS);
  }

  override endRow(): boolean {
    this.rows++;
    return false;
  }
}
