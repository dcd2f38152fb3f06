/** Lets a source work while what it gave is used: zlib then inflates in a thread of its own. */

/**
 * The same values and result as the source's, asked for up to `ahead` values early. The source is
 * closed when the reader stops.
 */
export async function* readAhead<T, R>(
  source: AsyncGenerator<T, R, void>,
  ahead: number,
): AsyncGenerator<T, R, void> {
  const asked: Promise<IteratorResult<T, R>>[] = [];
  const ask = (): void => {
    const next = source.next();
    // It is reported when its turn comes; until then it must not count as unhandled.
    next.catch(() => undefined);
    asked.push(next);
  };
  try {
    for (let i = 0; i < ahead; i++) ask();
    for (;;) {
      const { value, done } = await asked.shift()!;
      if (done) return value;
      ask();
      yield value;
    }
  } finally {
    await source.return(undefined as R);
  }
}
