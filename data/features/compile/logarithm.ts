/**
 * ln and log1p of device/features/logarithm.ts in SQL, step by step as there: the same operations in the
 * same order, hence the same bits. DuckDB's own `ln` is the one of the C library, which differs.
 * Each step is a struct of what the next ones need, so that nothing is computed twice.
 */
import { LOGARITHM } from '../../../device/features/logarithm.ts';
import { sqlNumber as n, type Values } from './values.ts';

const HIGH = n(LOGARITHM.high);
const LOW = n(LOGARITHM.low);
const [R1, R2, R3, R4, R5, R6, R7] = LOGARITHM.r.map(n);
const MANTISSA = LOGARITHM.mantissa;
const ONE = n(1);
const TWO = n(2);
const HALF = n(0.5);

/** Adds k and m to a struct with u: u = m 2ᵏ, 1 ≤ m < 2. `log2` may round up to a whole number. */
const split = (structs: Values, also: string[]): Values => {
  const keep = (v: string) => ['u', ...also].map((name) => `'${name}': ${v}.${name}`).join(', ');
  return structs
    .map((v) => `{${keep(v)}, 'k': floor(log2(${v}.u))}`)
    .map(
      (v) =>
        `{${keep(v)}, 'k': case when pow(${TWO}, ${v}.k) > ${v}.u then ${v}.k - ${ONE} when pow(${TWO}, ${v}.k + ${ONE}) <= ${v}.u then ${v}.k + ${ONE} else ${v}.k end}`,
    )
    .map((v) => `{${keep(v)}, 'k': ${v}.k, 'm': ${v}.u / pow(${TWO}, ${v}.k)}`);
};

/** ln of positive normal numbers; null stays null. */
export function lnSql(values: Values): Values {
  const halved = n(LOGARITHM.lnHalved);
  return split(
    values.map((v) => `{'u': ${v}}`),
    [],
  )
    .map(
      (v) =>
        `{'f': case when ${v}.m >= ${halved} then ${v}.m / ${TWO} else ${v}.m end - ${ONE}, 'k': ${v}.k + case when ${v}.m >= ${halved} then ${ONE} else ${n(0)} end, 'upper': floor((${v}.m - ${ONE}) * ${n(MANTISSA)})}`,
    )
    .map((v) => `{'f': ${v}.f, 'k': ${v}.k, 'upper': ${v}.upper, 's': ${v}.f / (${TWO} + ${v}.f)}`)
    .map(
      (v) =>
        `{'f': ${v}.f, 'k': ${v}.k, 'upper': ${v}.upper, 's': ${v}.s, 'z': ${v}.s * ${v}.s, 'half': ${HALF} * ${v}.f * ${v}.f}`,
    )
    .map((v) => {
      const w = `(${v}.z * ${v}.z)`;
      const odd = `${v}.z * (${R1} + ${w} * (${R3} + ${w} * (${R5} + ${w} * ${R7})))`;
      const even = `${w} * (${R2} + ${w} * (${R4} + ${w} * ${R6}))`;
      const tiny = `${v}.upper < 1 or ${v}.upper >= ${0xffffe}`;
      const near = `${v}.f * ${v}.f * (${HALF} - ${n(LOGARITHM.third)} * ${v}.f)`;
      return `{'f': ${v}.f, 'k': ${v}.k, 'upper': ${v}.upper, 's': ${v}.s, 'half': ${v}.half, 'tiny': ${tiny}, 'r': case when ${tiny} then ${near} else ${odd} + ${even} end}`;
    })
    .map((v) => {
      const [f, k, s, half, r] = ['f', 'k', 's', 'half', 'r'].map((name) => `${v}.${name}`);
      const low = `${k} * ${LOW}`;
      const high = `${k} * ${HIGH}`;
      return `case when ${v}.tiny and ${f} = 0 then ${high} + ${low}
        when ${v}.tiny then case when ${k} = 0 then ${f} - ${r} else ${high} - (${r} - ${low} - ${f}) end
        when ${v}.upper >= ${0x6147a} and ${v}.upper <= ${0x6b851} then
          case when ${k} = 0 then ${f} - (${half} - ${s} * (${half} + ${r})) else ${high} - (${half} - (${s} * (${half} + ${r}) + ${low}) - ${f}) end
        when ${k} = 0 then ${f} - ${s} * (${f} - ${r})
        else ${high} - (${s} * (${f} - ${r}) - ${low} - ${f}) end`;
    });
}

/** ln(1 + x) of finite x ≥ 0; null stays null. */
export function log1pSql(values: Values): Values {
  const halved = n(LOGARITHM.log1pHalved);
  const direct = n(LOGARITHM.log1pDirect);
  const large = n(2 ** 53);
  return split(
    values.map(
      (v) => `{'x': ${v}, 'u': case when ${v} < ${large} then ${ONE} + ${v} else ${v} end}`,
    ),
    ['x'],
  )
    .map((v) => {
      const [x, u, k, m] = ['x', 'u', 'k', 'm'].map((name) => `${v}.${name}`);
      const lost = `case when ${x} < ${direct} or ${x} >= ${large} then ${n(0)} when ${k} > 0 then (${ONE} - (${u} - ${x})) / ${u} else (${x} - (${u} - ${ONE})) / ${u} end`;
      const f = `case when ${x} < ${direct} then ${x} when ${m} < ${halved} then ${m} - ${ONE} else ${m} / ${TWO} - ${ONE} end`;
      const power = `case when ${x} < ${direct} then ${n(0)} when ${m} < ${halved} then ${k} else ${k} + ${ONE} end`;
      const tiny = `${x} >= ${direct} and case when ${m} < ${halved} then ${m} < ${n(1 + 1 / MANTISSA)} else ${m} >= ${n(1 + 0xffffd / MANTISSA)} end`;
      return `{'x': ${x}, 'f': ${f}, 'k': ${power}, 'lost': ${lost}, 'tiny': ${tiny}}`;
    })
    .map(
      (v) =>
        `{'x': ${v}.x, 'f': ${v}.f, 'k': ${v}.k, 'lost': ${v}.lost, 'tiny': ${v}.tiny, 'half': ${HALF} * ${v}.f * ${v}.f, 's': ${v}.f / (${TWO} + ${v}.f)}`,
    )
    .map((v) => {
      const z = `(${v}.s * ${v}.s)`;
      const far = [R6, R5, R4, R3, R2, R1].reduce((sum, r) => `(${r} + ${z} * ${sum})`, R7!);
      const near = `${v}.half * (${ONE} - ${n(LOGARITHM.twoThirds)} * ${v}.f)`;
      return `{'x': ${v}.x, 'f': ${v}.f, 'k': ${v}.k, 'lost': ${v}.lost, 'tiny': ${v}.tiny, 'half': ${v}.half, 's': ${v}.s, 'r': case when ${v}.tiny then ${near} else ${z} * ${far} end}`;
    })
    .map((v) => {
      const [x, f, k, lost, half, s, r] = ['x', 'f', 'k', 'lost', 'half', 's', 'r'].map(
        (name) => `${v}.${name}`,
      );
      const low = `${k} * ${LOW}`;
      const high = `${k} * ${HIGH}`;
      return `case when ${x} < ${n(2 ** -54)} then ${x}
        when ${x} < ${n(2 ** -29)} then ${x} - ${x} * ${x} * ${HALF}
        when ${v}.tiny and ${f} = 0 then ${high} + (${lost} + ${low})
        when ${v}.tiny then case when ${k} = 0 then ${f} - ${r} else ${high} - (${r} - (${low} + ${lost}) - ${f}) end
        when ${k} = 0 then ${f} - (${half} - ${s} * (${half} + ${r}))
        else ${high} - (${half} - (${s} * (${half} + ${r}) + (${low} + ${lost})) - ${f}) end`;
    });
}
