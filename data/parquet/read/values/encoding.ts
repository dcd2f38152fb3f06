/** Numbers of Parquet's enum Encoding. */
export const ENCODING = {
  plain: 0,
  oldDictionary: 2,
  rle: 3,
  delta: 5,
  deltaLength: 6,
  deltaBytes: 7,
  dictionary: 8,
  split: 9,
} as const;
