/**
 * Numbers that depend on sizes known only at run time, the batch size above all. A recording is made
 * at several sizes; what differs between them is fitted to a polynomial that is linear in each symbol:
 * a + b·batch, or a + b·batch + c·length + d·batch·length. Where that does not fit, the whole half
 * of a symbol, ⌊batch/2⌋, may count as another one.
 */

/** Coefficient of each monomial: '' (the constant), 'batch', 'batch*length'. Zeros are left out. */
export type Polynomial = Readonly<Record<string, number>>;

/** A size: known, or a polynomial of symbols. */
export type Dim = number | Polynomial;
export type SymbolicShape = readonly Dim[];

/** What each symbol was in one recording. */
export type Assignment = Readonly<Record<string, number>>;

export const monomialSymbols = (monomial: string): string[] =>
  monomial === '' ? [] : monomial.split('*');

const halfOf = (symbol: string): string => `⌊${symbol}/2⌋`;

/** The symbol of which this one is the whole half, if it is one. */
export const halvedSymbol = (symbol: string): string | undefined => /^⌊(.+)\/2⌋$/.exec(symbol)?.[1];

/** What a symbol, or the half of one, is worth. */
function sizeOf(symbol: string, sizes: Assignment): number {
  const whole = halvedSymbol(symbol);
  return whole === undefined ? sizes[symbol]! : Math.floor(sizes[whole]! / 2);
}

const productOf = (monomial: string, sizes: Assignment): number =>
  monomialSymbols(monomial).reduce((product, symbol) => product * sizeOf(symbol, sizes), 1);

/** The polynomial's value for these sizes. */
export function evaluate(dim: Dim, sizes: Assignment): number {
  if (typeof dim === 'number') return dim;
  return Object.entries(dim).reduce((sum, [m, factor]) => sum + factor * productOf(m, sizes), 0);
}

export const isStatic = (shape: SymbolicShape): shape is readonly number[] =>
  shape.every((dim) => typeof dim === 'number');

export const sameDim = (a: Dim, b: Dim): boolean => dimKey(a) === dimKey(b);

export function dimKey(dim: Dim): string {
  if (typeof dim === 'number') return String(dim);
  return Object.keys(dim)
    .sort()
    .map((monomial) => `${dim[monomial]}·${monomial || '1'}`)
    .join('+');
}

/** `50`, `batch`, `3·batch+1`. */
export function printDim(dim: Dim): string {
  if (typeof dim === 'number') return String(dim);
  return Object.entries(dim)
    .map(([monomial, factor]) => {
      const product = monomial.replaceAll('*', '·');
      if (product === '') return String(factor);
      return factor === 1 ? product : `${factor}·${product}`;
    })
    .join('+');
}

/** Sizes to record at, and the fit of what was seen there. */
export interface Fitter {
  readonly probes: readonly Assignment[];
  /** The number or polynomial that takes these values at the probes; undefined when none does. */
  fit(values: readonly number[]): Dim | undefined;
}

/**
 * Sizes that do not divide each other or equal usual widths, so that nothing broadcasts by chance. One
 * is large: what is cut at 20 rows, or done in portions of 64, then shows. One is even: the half of an
 * odd size, rounded, is linear in it. The last one counts only where halves may.
 */
const USUAL_SIZES = [3, 67, 8, 5];
/** With several open sizes, whose product is recorded too. */
const SMALLER_SIZES = [3, 19, 8, 5];

/** Constants are float32: what they cannot tell from 0, or from a round number. */
const NOISE = 2 ** -22;
const CLOSE = 1e-6;

/** A round number where the coefficient is one but for rounding. */
function snapped(coefficient: number): number {
  const round = Math.round(coefficient * 2 ** 20) / 2 ** 20;
  return Math.abs(round - coefficient) <= 1e-7 * Math.abs(coefficient) ? round : coefficient;
}

/** A monomial and sizes at which its coefficient shows. */
interface Term {
  symbols: readonly string[];
  probe: Assignment;
}

/**
 * @param symbols name → sizes that it may have; undefined means any. One that can have a single
 *   size only should not be a symbol.
 * @param halves the whole halves of symbols that may have any size count as symbols
 */
export function fitterFor(
  symbols: Readonly<Record<string, readonly number[] | undefined>>,
  { halves = false } = {},
): Fitter {
  const names = Object.keys(symbols);
  const open = names.length > 1 ? SMALLER_SIZES : USUAL_SIZES;
  const usual = halves ? open : open.slice(0, 3);
  // One corner of the box per monomial settles the coefficients, one more point checks them.
  let settled: Term[] = [{ symbols: [], probe: {} }];
  for (const name of names) {
    const own = [[], [name], ...(halves && !symbols[name] ? [[halfOf(name)]] : [])];
    const sizes = symbols[name] ?? usual;
    settled = own.flatMap((factor, k) =>
      settled.map((term) => ({
        symbols: [...term.symbols, ...factor],
        probe: { ...term.probe, [name]: sizes[k]! },
      })),
    );
  }
  const terms = settled.map((term) => term.symbols.join('*'));
  const probes = settled.map(({ probe }) => probe);
  if (names.length > 0) {
    const last = Object.fromEntries(names.map((name) => [name, (symbols[name] ?? usual).at(-1)!]));
    probes.push(last);
    // Of sizes that are listed, every one.
    for (const name of names)
      for (const size of symbols[name]?.slice(2, -1) ?? []) probes.push({ ...last, [name]: size });
  }
  const inverse = invert(
    probes.slice(0, terms.length).map((p) => terms.map((t) => productOf(t, p))),
  );
  return {
    probes,
    fit(values) {
      const first = values[0]!;
      if (values.every((value) => Object.is(value, first))) return first;
      const largest = Math.max(...values.map(Math.abs));
      const fitted: Record<string, number> = {};
      terms.forEach((term, i) => {
        const exact = inverse[i]!.reduce((sum, weight, j) => sum + weight * values[j]!, 0);
        const most = Math.max(...probes.map((sizes) => productOf(term, sizes)));
        if (Math.abs(exact) * most > NOISE * largest) fitted[term] = snapped(exact);
      });
      // Relative to what is fitted: constants such as 1e-6 / batch are small themselves.
      const close = (value: number, i: number) =>
        Math.abs(evaluate(fitted, probes[i]!) - value) <= CLOSE * largest;
      return values.every(close) ? fitted : undefined;
    },
  };
}

/** Gauss and Jordan, for the few monomials there are. */
function invert(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < n; column++) {
    const pivot = rows.findIndex((row, i) => i >= column && row[column] !== 0);
    if (pivot < 0) throw new RangeError('a symbol needs two different sizes');
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const own = rows[column]!;
    const scale = own[column]!;
    own.forEach((value, j) => {
      own[j] = value / scale;
    });
    rows.forEach((row, i) => {
      if (i === column) return;
      const factor = row[column]!;
      own.forEach((value, j) => {
        row[j] = row[j]! - factor * value;
      });
    });
  }
  return rows.map((row) => row.slice(n));
}
