/** Values of samples as a person writes them. */

/** "0.4 s", "12 s", "3 min", "5 h", "2 d". */
export function span(ms: number): string {
  const size = Math.abs(ms);
  if (size < 9950) return `${Number((size / 1000).toFixed(1))} s`;
  if (size < 90_000) return `${Math.round(size / 1000)} s`;
  if (size < 90 * 60_000) return `${Math.round(size / 60_000)} min`;
  if (size < 36 * 3_600_000) return `${Math.round(size / 3_600_000)} h`;
  return `${Math.round(size / 86_400_000)} d`;
}

/** `2026-03-04 10:01:27.419 UTC+08:00`. */
export function localTime(ms: number, offsetMinutes: number): string {
  const text = new Date(ms + offsetMinutes * 60_000).toISOString().slice(0, 23).replace('T', ' ');
  const minutes = Math.abs(offsetMinutes);
  const two = (n: number) => String(n).padStart(2, '0');
  const zone = `${offsetMinutes < 0 ? '−' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${text} UTC${zone}`;
}

/** A raw value or a feature: six significant digits, "unknown" for null. */
export function value(raw: unknown): string {
  if (raw === null || raw === undefined) return 'unknown';
  if (typeof raw !== 'number' || Number.isInteger(raw)) return String(raw);
  return String(Number(raw.toPrecision(6)));
}

/** What happened of what was labelled. */
export function labels(of: Record<string, number | null> | undefined): string {
  if (!of) return '';
  if (of.exposed !== 1) return 'not exposed: no label';
  const named = Object.entries(of).filter(([, label]) => label === 1);
  const missing = Object.entries(of).filter(([, label]) => label === null);
  const words = named.map(([name]) => name).join(', ');
  return (
    words + (missing.length > 0 ? `; no label: ${missing.map(([name]) => name).join(', ')}` : '')
  );
}
