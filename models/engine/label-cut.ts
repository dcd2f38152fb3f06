/** Where the click labels of slates may be cut for training. */
import type { LabelCut } from './types.ts';

/**
 * Most slates are left long before their end: three lengths save about two thirds of the scores.
 * @param columns what is cut besides; by default the labels only
 */
export function labelCut(
  candidates: number,
  columns: string[] = ['label_click', 'label_mask'],
): LabelCut {
  // A length of 1 would make other operations of the same loss: axes of size 1 broadcast.
  const parts = [candidates / 6, candidates / 2.5, candidates]
    .map(Math.ceil)
    .map((length) => Math.max(length, Math.min(2, candidates)));
  return { mask: 'label_mask', columns, lengths: [...new Set(parts)] };
}
