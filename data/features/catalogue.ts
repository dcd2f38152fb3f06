/** Items by their place in the catalogue: the row of the id table and what was known of them when. */
import { type DuckDb, textList } from '../duckdb.ts';
import type { Attribute } from './bindings.ts';
import { featuresSql } from './open-samples.ts';

/** Known texts of the id tables; row = place + 1, row 0 is for all others. */
export interface Vocabulary {
  item: string[];
  category: string[];
  brand: string[];
  creator: string[];
}

export interface Attributes {
  category: number;
  brand: number;
  creator: number;
  /** NaN when unknown. */
  durationMs: number;
  /** NaN when unknown. */
  priceLevel: number;
  texts: Record<IdAttribute, string | null>;
}

const IDS = ['category', 'brand', 'creator'] as const;
type IdAttribute = (typeof IDS)[number];

const NOTHING: Attributes = {
  category: 0,
  brand: 0,
  creator: 0,
  durationMs: Number.NaN,
  priceLevel: Number.NaN,
  texts: { category: null, brand: null, creator: null },
};

export class Catalogue {
  /** Row of the item table, by place; 0 for an item without a row of its own. */
  readonly rows: Int32Array;
  readonly #versions: { from: number; attributes: Attributes }[][];

  private constructor(rows: Int32Array, versions: { from: number; attributes: Attributes }[][]) {
    this.rows = rows;
    this.#versions = versions;
  }

  static async load(
    db: DuckDb,
    places: readonly number[],
    vocabulary: Vocabulary,
  ): Promise<Catalogue> {
    const { n } = await db.row<{ n: number }>('select len(enum_range(null::item_code)) as n');
    const rows = new Int32Array(n);
    places.forEach((place, i) => {
      rows[place] = i + 1;
    });
    const versions: { from: number; attributes: Attributes }[][] = Array.from(
      { length: n },
      () => [],
    );
    const parameters = {
      categories: textList(vocabulary.category),
      brands: textList(vocabulary.brand),
      creators: textList(vocabulary.creator),
    };
    const texts = await textsOf(db);
    for await (const batch of db.batches(await featuresSql('item-versions'), parameters)) {
      const item = batch.numbers('item');
      const from = batch.numbers('valid_from');
      const category = batch.numbers('category');
      const brand = batch.numbers('brand');
      const creator = batch.numbers('creator');
      const duration = batch.numbers('duration_ms');
      const price = batch.numbers('price_level');
      const codes = IDS.map((id) => batch.numbers(`${id}_code`));
      const textAt = (id: number, i: number) => texts[IDS[id]!][codes[id]![i]!] ?? null;
      for (let i = 0; i < batch.rows; i++) {
        versions[item[i]!]!.push({
          from: from[i]!,
          attributes: {
            category: category[i]!,
            brand: brand[i]!,
            creator: creator[i]!,
            durationMs: duration[i]!,
            priceLevel: price[i]!,
            texts: { category: textAt(0, i), brand: textAt(1, i), creator: textAt(2, i) },
          },
        });
      }
    }
    return new Catalogue(rows, versions);
  }

  /** What was known of an item at a time: the last version valid from then or before. */
  at(place: number, time: number): Attributes {
    const versions = this.#versions[place];
    if (!versions) return NOTHING;
    for (let i = versions.length - 1; i >= 0; i--) {
      if (versions[i]!.from <= time) return versions[i]!.attributes;
    }
    return NOTHING;
  }

  /** Whether an attribute of any item was known before a time. */
  knows(attribute: Attribute, before: number): boolean {
    return this.#versions.some((versions) =>
      versions.some(
        ({ from, attributes }) => from < before && attributeValue(attributes, attribute) !== null,
      ),
    );
  }
}

/** A raw value as features take it. */
export function attributeValue(item: Attributes, attribute: Attribute): string | number | null {
  if (attribute !== 'duration_ms' && attribute !== 'price_level') return item.texts[attribute];
  const value = attribute === 'duration_ms' ? item.durationMs : item.priceLevel;
  return Number.isNaN(value) ? null : value;
}

/** Every text of each attribute, in the order of its codes. */
async function textsOf(db: DuckDb): Promise<Record<IdAttribute, string[]>> {
  const all = async (column: IdAttribute): Promise<string[]> => {
    const rows = await db.rows<{ text: string }>(
      `select distinct ${column} as text from items where ${column} is not null order by text`,
    );
    return rows.map(({ text }) => text);
  };
  return {
    category: await all('category'),
    brand: await all('brand'),
    creator: await all('creator'),
  };
}
