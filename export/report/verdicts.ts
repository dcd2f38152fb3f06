/** One sentence per model family on what its intervals allow to say. */
import type { EstimateLike, ReportInput } from './input.ts';
import { count, decimal, percent } from './numbers.ts';

type Sign = 'above' | 'below' | 'open' | 'unmeasured';

/** Which side of zero the whole interval lies on. */
export function signOf(estimate: EstimateLike | null | undefined): Sign {
  const { low = null, high = null } = estimate ?? {};
  if (low === null || high === null) return 'unmeasured';
  if (low > 0) return 'above';
  return high < 0 ? 'below' : 'open';
}

type Compared = { name: string; estimate: EstimateLike | null | undefined };

const named = (compared: Compared[], sign: Sign): string =>
  compared
    .filter(({ estimate }) => signOf(estimate) === sign)
    .map(({ name }) => name)
    .join(' and ');

/** `better than a; worse than b; not told apart from c` */
function against(compared: Compared[]): string {
  const parts: [string, Sign][] = [
    ['better than', 'above'],
    ['worse than', 'below'],
    ['not told apart from', 'open'],
    ['not measured against', 'unmeasured'],
  ];
  return parts
    .map(([words, sign]) => [words, named(compared, sign)])
    .filter(([, names]) => names !== '')
    .map((words) => words.join(' '))
    .join('; ');
}

export function rerankerVerdict({ reranker }: ReportInput): string | null {
  if (!reranker) return null;
  const of = (name: string) => reranker.differences[`reranker − ${name}`]?.gauc;
  return `Verdict: by GAUC the reranker is ${against([
    { name: 'popularity', estimate: of('popularity') },
    { name: 'the plain DNN', estimate: of('dnn') },
  ])} (95 % intervals of the paired differences).`;
}

/** What the order by uplift is compared with, of all the scores that were measured. */
export const UPLIFT_DIFFERENCES = ['uplift − random', 'uplift − greedy'];

export function upliftVerdict({ uplift }: ReportInput): string | null {
  if (!uplift) return null;
  return `Verdict: by Qini the order by uplift is ${against([
    { name: 'a random order', estimate: uplift.differences['uplift − random'] },
    { name: 'the greedy order', estimate: uplift.differences['uplift − greedy'] },
  ])} (95 % intervals of the paired differences).`;
}

export function metafusionVerdict({ metafusion }: ReportInput): string | null {
  if (!metafusion || metafusion.cohorts.length === 0) return null;
  const apart = metafusion.cohorts.flatMap(({ name, fused }) => {
    const sign = signOf(fused);
    return sign === 'above' || sign === 'below'
      ? [`${name} (${sign === 'above' ? 'gain' : 'loss'})`]
      : [];
  });
  const start = 'Verdict: the change in GAUC by fused weights is told apart from zero';
  if (apart.length === 0) return `${start} in no cohort.`;
  const rest = metafusion.cohorts.length - apart.length;
  const others = rest === 0 ? '' : rest === 1 ? '; the other is not' : '; the others are not';
  return `${start}: ${apart.join(', ')}${others}.`;
}

/** What the phone asks by, from the config that ships with it. */
export function upliftRuleSentence({ upliftRule, uplift }: ReportInput): string | null {
  if (!upliftRule) return null;
  const { threshold, budget, used, rows } = upliftRule;
  const test = uplift?.budget
    ? ` On the test day, the trained model with a threshold taken in the same way used ${percent(uplift.budget.used)}.`
    : '';
  return `The phone asks when its uplift is above ${decimal(threshold)} (uplift/config.json), for a budget of ${percent(budget)} of the decisions: it used ${percent(used)} of the ${count(rows)} decisions of the validation day that it was taken from.${test}`;
}
