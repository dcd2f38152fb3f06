/** A table with columns of every kind that DuckDB writes and this reader reads. */
import { type DuckDb, sqlText } from '../../duckdb.ts';

/** A number that depends on the row, the column and the seed. */
const h = (column: number): string => `hash(i, ${column}, $seed)`;
/** Null in `$nulls` of 100 rows. */
const some = (column: number, value: string): string =>
  `case when hash(i, ${column}, 'null', $seed) % 100 < $nulls then null else ${value} end`;

/** Each column as SQL, and how DuckDB tells its values as JavaScript's plain ones; by path of the leaf. */
export const COLUMNS: Record<string, { sql: string; reads?: Record<string, string> }> = {
  yes: { sql: some(1, `${h(1)} % 3 = 0`) },
  tiny: { sql: some(2, `(${h(2)} % 256)::integer::utinyint`) },
  small: { sql: some(3, `((${h(3)} % 60000)::integer - 30000)::smallint`) },
  word: { sql: some(4, `(${h(4)} >> 32)::uinteger`) },
  int: { sql: some(5, `((${h(5)} >> 32)::bigint - 2147483648)::integer`) },
  few: { sql: some(6, `(${h(6)} % $distinct)::integer`) },
  long: { sql: some(7, `(${h(7)} >> 12)::bigint - 2251799813685248`) },
  time: { sql: some(8, `1772409600000 + 37 * i + (${h(8)} % 1000)::bigint`) },
  wide: { sql: some(9, `(${h(9)} >> 11)::ubigint`) },
  float: { sql: some(10, `(${h(10)} % 100000)::float / 7`) },
  double: { sql: some(11, `${h(11)}::double / 1e9 - 5e9`) },
  rates: { sql: some(12, `(${h(12)} % $distinct)::double / 8`) },
  day: {
    sql: some(13, `'2020-01-01'::date + (${h(13)} % 3000)::integer`),
    reads: { day: `day - '1970-01-01'::date` },
  },
  micros: {
    sql: some(14, `make_timestamp(1772409600000000 + (${h(14)} % 1000000000)::bigint)`),
    reads: { micros: 'epoch_us(micros)' },
  },
  price: {
    sql: some(15, `((${h(15)} % 100000) / 100)::decimal(9, 2)`),
    reads: { price: '(price * 100)::integer' },
  },
  label: { sql: some(16, `'label ' || ${h(16)} % $distinct`) },
  id: { sql: some(17, `substr(md5(${h(17)}::varchar), 1, (${h(18)} % 20)::integer)`) },
  prefixed: { sql: some(19, `'https://example.org/' || i // 7 || '/' || ${h(19)} % 1000`) },
  unicode: {
    sql: some(
      20,
      `repeat('é€😀', (${h(20)} % 4)::integer) || chr((${h(21)} % 50000 + 32)::integer % 55000)`,
    ),
  },
  ints: {
    sql: some(
      22,
      `list_transform(range((${h(22)} % 5)::bigint), lambda x:
      case when (x + i) % 100 < $nulls then null else (x * 1000 + i)::integer end)`,
    ),
    reads: { 'ints.list.element': 'ints' },
  },
  tags: {
    sql: some(
      23,
      `list_transform(range((${h(23)} % 4)::bigint), lambda x: 't' || (x * i) % $distinct)`,
    ),
    reads: { 'tags.list.element': 'tags' },
  },
  pair: {
    sql: some(24, `{'a': ${some(25, 'i::integer')}, 'b': {'c': ${some(26, "'c' || i")}}}`),
    reads: { 'pair.a': 'pair.a', 'pair.b.c': 'pair.b.c' },
  },
  seen: {
    sql: some(
      27,
      `list_transform(range((${h(27)} % 6)::bigint), lambda x:
      case when (x + 2 * i) % 100 < $nulls then null
      else {'item': 'i' || (x + i) % $distinct, 'at': case when (x + 3 * i) % 100 < $nulls then null else x + 1772409600000 end} end)`,
    ),
    reads: {
      'seen.list.element.item': 'list_transform(seen, lambda x: x.item)',
      'seen.list.element.at': 'list_transform(seen, lambda x: x.at)',
    },
  },
  scores: {
    sql: some(
      28,
      `map_from_entries(list_transform(range((${h(28)} % 3)::bigint), lambda x: ('k' || x, x / 4)))`,
    ),
    reads: {
      'scores.key_value.key': 'map_keys(scores)',
      'scores.key_value.value': 'map_values(scores)::double[]',
    },
  },
  nothing: { sql: 'null::varchar' },
  always: { sql: '7' },
};

export interface Table {
  rows: number;
  nulls: number;
  distinct: number;
  seed: number;
}

/** Makes the table `t` and writes it. @param options of COPY, such as `compression zstd` */
export async function writeTable(
  db: DuckDb,
  path: string,
  table: Table,
  options: string,
): Promise<void> {
  const select = Object.entries(COLUMNS).map(([name, { sql }]) => `${sql} as "${name}"`);
  await db.createTable('t', `select ${select.join(', ')} from range($rows) r(i)`, { ...table });
  await db.run(`copy t to ${sqlText(path)} (format parquet, ${options})`);
}
