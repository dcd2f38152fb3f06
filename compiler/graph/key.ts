/** Equal content as equal text; unlike JSON, which writes ±Infinity and NaN as null and −0 as 0. */
export const keyOf = (content: unknown): string =>
  JSON.stringify(content, (_, value: unknown) => {
    if (typeof value !== 'number') return value;
    if (Object.is(value, -0)) return '-0';
    return Number.isFinite(value) ? value : String(value);
  });
