import { Damage } from '../damage.ts';
import type { Slice } from './slice.ts';

/** The byte in front of dictionary indexes; a page without values may lack it. */
export function readIndexWidth(slice: Slice, count: number): number {
  if (count === 0 && slice.at === slice.end) return 0;
  const width = slice.at < slice.end ? slice.bytes[slice.at++]! : 33;
  if (width > 32) throw new Damage('dictionary indexes are wider than 32 bits');
  return width;
}
