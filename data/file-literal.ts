/** One file as an SQL literal for DuckDB's readers, which take a plain path for a pattern. */
import { sqlText } from './duckdb.ts';

/**
 * A path for `read_parquet`, `read_json`, `read_csv` … that stands for this file alone: `[`, `*` and
 * `?` are set in brackets, else `a*.parquet` would read its neighbours and `run [1]` would not be
 * found. `copy … to` and `attach` take paths as they are.
 */
export const fileLiteral = (path: string): string => sqlText(path.replace(/[[*?]/g, '[$&]'));
