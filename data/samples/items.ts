/** Items as they were known at a moment, and their rows in the id tables. */

import { type DuckDb, textList } from '../duckdb.ts';
import type { Vocabulary } from '../features/catalogue.ts';

export interface ItemAttributes {
  category: string | null;
  brand: string | null;
  creator: string | null;
  kind: string | null;
  price_level: number | null;
  duration_ms: number | null;
}

/** Row numbers in the id tables; 0 is the row of all that is unknown. */
export type ItemRows = Record<'item' | 'category' | 'brand' | 'creator', number>;

export interface KnownItem {
  /** By the version that was valid at the moment; null when the table had none yet. */
  attributes: ItemAttributes | null;
  /** Null without a vocabulary. An item with row 0 stands on the unknown row. */
  rows: ItemRows | null;
}

/** Attributes of `ids` by the version valid at `time`. */
export async function itemsAt(
  db: DuckDb,
  ids: readonly string[],
  time: number,
  vocabulary: Vocabulary | null,
): Promise<(id: string) => KnownItem> {
  const rows = await db.rows<ItemAttributes & { item_id: string }>(
    `select item_id, category, brand, creator, kind, price_level, duration_ms from items
     where valid_from <= $time::bigint and list_contains($ids::varchar[], item_id)
     qualify row_number() over (partition by item_id order by valid_from desc) = 1`,
    { time, ids: textList([...new Set(ids)]) },
  );
  const attributes = new Map(rows.map(({ item_id, ...rest }) => [item_id, rest]));
  const place = vocabulary && placesOf(vocabulary);
  return (id) => {
    const known = attributes.get(id) ?? null;
    const row = (field: keyof ItemRows, text: string | null | undefined): number =>
      (text !== null && text !== undefined && place?.[field].get(text)) || 0;
    return {
      attributes: known,
      rows: place && {
        item: row('item', id),
        category: row('category', known?.category),
        brand: row('brand', known?.brand),
        creator: row('creator', known?.creator),
      },
    };
  };
}

const placesOf = (vocabulary: Vocabulary): Record<keyof ItemRows, Map<string, number>> => {
  const places = (texts: readonly string[]) => new Map(texts.map((text, i) => [text, i + 1]));
  return {
    item: places(vocabulary.item),
    category: places(vocabulary.category),
    brand: places(vocabulary.brand),
    creator: places(vocabulary.creator),
  };
};
