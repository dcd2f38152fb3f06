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
  const parts = [candidates / 6, candidates / 2.5, candidates].map(Math.ceil);
  return { mask: 'label_mask', columns, lengths: [...new Set(parts)] };
}
