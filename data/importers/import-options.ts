/** What every importer is told. */
import type { RunOptions } from '../../lib/progress.ts';

export interface ImportOptions extends RunOptions {
  /** Folder with the published files. */
  sourceDir: string;
  /** The log folder: absent or empty before. */
  outDir: string;
  /** First and last business day (YYYY-MM-DD), both included; all days when absent. */
  from?: string | undefined;
  to?: string | undefined;
}
