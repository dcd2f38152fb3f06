/** Blocks that were written out, as staged files of one thread. */
import { join } from 'node:path';
import { StagedParquet } from '../fast/staged-parquet.ts';
import { eventTable } from '../staged-tables.ts';
import type { Block } from './block.ts';
import { spillBlock } from './spill-block.ts';

export class SpilledBlocks {
  readonly #workDir: string;
  readonly #name: string;
  readonly #buckets: number;
  readonly #files = new Map<string, StagedParquet>();

  /** @param name tells apart what is written to the folder */
  constructor(workDir: string, name: string, buckets: number) {
    this.#workDir = workDir;
    this.#name = name;
    this.#buckets = buckets;
  }

  add(block: Block): void {
    spillBlock(block, this.#buckets, (group, columns, rows, data) => {
      const table = eventTable(block.type, group);
      let file = this.#files.get(table);
      if (!file) {
        file = new StagedParquet(join(this.#workDir, `${table}-${this.#name}.parquet`), columns);
        this.#files.set(table, file);
      }
      file.group(rows, data);
    });
  }

  /** The files, which can be read now. */
  finish(): { table: string; file: string }[] {
    return [...this.#files].map(([table, file]) => {
      file.close();
      return { table, file: file.path };
    });
  }
}
