/** Numbers as a reader wants them. */
import type { EstimateLike } from './input.ts';

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export const count = (value: number): string => grouped.format(value);

export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** Four digits after the point for metrics; scientific for what would be 0.0000. */
export function decimal(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits) return value.toExponential(1);
  return value.toFixed(digits).replace('-', '−');
}

/** `0.6123 [0.6010, 0.6240]` */
export function interval(estimate: EstimateLike | null | undefined, digits = 4): string {
  if (!estimate || estimate.value === null) return '–';
  const { value, low, high } = estimate;
  if (low === null || high === null) return decimal(value, digits);
  return `${decimal(value, digits)} [${decimal(low, digits)}, ${decimal(high, digits)}]`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(1)} KiB`;
  return `${(size / 1024 / 1024).toFixed(1)} MiB`;
}
