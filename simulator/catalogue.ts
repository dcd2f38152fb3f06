/** The items: attributes that the log shows, and latent vectors, quality and curiosity that it does not. */
import type { ItemRow } from '../data/contracts/dataset.ts';
import { Random } from '../lib/random.ts';
import { normalise, randomUnit, SIZE } from './maths.ts';
import type { WorldParams } from './params.ts';

export interface Catalogue {
  count: number;
  ids: string[];
  category: Int32Array;
  /** Brand, numbered over all categories. */
  brand: Int32Array;
  creator: Int32Array;
  /** 0 … 4, 4 the dearest. */
  priceLevel: Int32Array;
  /** 0 for an image. */
  durationMs: Int32Array;
  /** [count, SIZE], each of length 1: the category's direction, the brand's, and the item's own. */
  vectors: Float64Array;
  quality: Float64Array;
  curiosity: Float64Array;
  categories: number;
  /** [categories, SIZE] */
  categoryVectors: Float64Array;
  /** The category that gains when it stands right below this one. */
  complement: Int32Array;
  itemsOfCategory: Int32Array[];
}

/** Draws the catalogue: same parameters and seed, same items. */
export function makeCatalogue(params: WorldParams): Catalogue {
  const { count, categories, brandsPerCategory, creators, videoShare } = params.items;
  const random = Random.of(params.seed, 'items');
  const categoryVectors = new Float64Array(categories * SIZE);
  for (let c = 0; c < categories; c++) randomUnit(random, categoryVectors, c);
  const brands = categories * brandsPerCategory;
  const brandVectors = new Float64Array(brands * SIZE);
  const brandPrice = new Float64Array(brands);
  for (let b = 0; b < brands; b++) {
    randomUnit(random, brandVectors, b);
    brandPrice[b] = random.normal(2, 1);
  }
  // A cycle through all categories, so that none complements itself.
  const cycle = random.shuffle(Array.from({ length: categories }, (_, c) => c));
  const complement = new Int32Array(categories);
  for (let c = 0; c < categories; c++) complement[cycle[c]!] = cycle[(c + 1) % categories]!;

  const catalogue: Catalogue = {
    count,
    ids: [],
    category: new Int32Array(count),
    brand: new Int32Array(count),
    creator: new Int32Array(count),
    priceLevel: new Int32Array(count),
    durationMs: new Int32Array(count),
    vectors: new Float64Array(count * SIZE),
    quality: new Float64Array(count),
    curiosity: new Float64Array(count),
    categories,
    categoryVectors,
    complement,
    itemsOfCategory: [],
  };
  const members: number[][] = Array.from({ length: categories }, () => []);
  for (let i = 0; i < count; i++) {
    // Round robin first, so that no category is ever empty.
    const category = i < categories ? i : random.below(categories);
    const brand = category * brandsPerCategory + random.below(brandsPerCategory);
    catalogue.ids.push(`i${String(i).padStart(5, '0')}`);
    catalogue.category[i] = category;
    catalogue.brand[i] = brand;
    catalogue.creator[i] = random.below(creators);
    catalogue.priceLevel[i] = Math.min(
      4,
      Math.max(0, Math.round(brandPrice[brand]! + random.normal(0, 0.5))),
    );
    catalogue.durationMs[i] = random.chance(videoShare)
      ? Math.round(1000 * Math.exp(random.normal(3, 0.6)))
      : 0;
    for (let d = 0; d < SIZE; d++) {
      catalogue.vectors[i * SIZE + d] =
        categoryVectors[category * SIZE + d]! +
        0.35 * brandVectors[brand * SIZE + d]! +
        0.1 * random.normal();
    }
    normalise(catalogue.vectors, i);
    catalogue.quality[i] = random.normal(0, params.items.qualityDeviation);
    catalogue.curiosity[i] = random.normal(0, params.items.curiosityDeviation);
    members[category]!.push(i);
  }
  catalogue.itemsOfCategory = members.map((list) => Int32Array.from(list));
  return catalogue;
}

/** The row of the item table: what a phone or the cloud may know of an item. */
export function itemRowOf(catalogue: Catalogue, item: number): ItemRow {
  const durationMs = catalogue.durationMs[item]!;
  return {
    item_id: catalogue.ids[item]!,
    valid_from: 0,
    category: `c${catalogue.category[item]}`,
    brand: `b${catalogue.brand[item]}`,
    creator: `m${catalogue.creator[item]}`,
    kind: durationMs > 0 ? 'video' : 'image',
    price_level: catalogue.priceLevel[item]!,
    duration_ms: durationMs > 0 ? durationMs : null,
  };
}
