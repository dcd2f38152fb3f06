/** Rows that a message names: by event, sample, item or decision id and day, never by user. */
import type { SqlParameters } from '../duckdb.ts';
import type { TableName } from './expectation.ts';
import { EXPECTATIONS } from './expectations.ts';
import type { Example } from './result.ts';
import { dateParameters, type Source, tableName } from './source.ts';

/** As many as a settings file may ask for. */
const MOST = 50;

/**
 * The first rows of a table for which a condition holds, by key. Of tables whose rows are persons
 * only the days are given.
 * @param where SQL over the table's columns
 */
export async function examplesOf(
  source: Source,
  table: TableName,
  where: string,
  parameters: SqlParameters = {},
): Promise<Example[]> {
  const { rowKey, dated } = EXPECTATIONS.find((one) => one.table === table)!;
  if (!rowKey && !dated) return [];
  const day = dated ? `strftime("date", '%Y-%m-%d')` : 'null';
  const key = rowKey ? `coalesce("${rowKey}", 'a row without ${rowKey}')` : `'rows'`;
  const sql = `select distinct ${key} as key, ${day} as date from ${tableName(table)} as t
    where ${where} order by date desc nulls last, key limit ${MOST}`;
  const rows = await source.db.rows<{ key: string; date: string | null }>(sql, {
    ...dateParameters(sql, source),
    ...parameters,
  });
  return rows.map(({ key: name, date }) => (date ? { key: name, date } : { key: name }));
}
