/** Loops: what a WHILE carries must fit the subgraphs that it calls, which runtimes take on trust. */
import type { Finding } from '../finding.ts';
import type { LintedOperator } from './lint-quantization.ts';
import type { TfliteTensor } from './model.ts';

/** A subgraph with its ports; number 0 is the main one. */
export interface LintedSubgraph {
  operators: readonly LintedOperator[];
  inputs: readonly TfliteTensor[];
  outputs: readonly TfliteTensor[];
}

const typeOf = (tensors: readonly TfliteTensor[]): string =>
  tensors.map(({ type, shape }) => `${type}[${shape}]`).join(', ');

function portFindings(
  what: string,
  wanted: readonly TfliteTensor[],
  got: readonly TfliteTensor[],
): Finding[] {
  if (typeOf(wanted) === typeOf(got)) return [];
  const message = `${what} (${typeOf(got)}), the loop carries (${typeOf(wanted)})`;
  return [{ rule: 'loop-ports', message }];
}

function whileFindings(operator: LintedOperator, subgraphs: readonly LintedSubgraph[]): Finding[] {
  const { options, inputs, outputs } = operator;
  const called = [Number(options.condition), Number(options.body)];
  const [condition, body] = called.map((i) => (i > 0 ? subgraphs[i] : undefined));
  if (!condition || !body) {
    const message = `WHILE calls the subgraphs ${called.join(' and ')} of ${subgraphs.length}`;
    return [{ rule: 'loop-subgraph', message }];
  }
  const findings = [
    ...portFindings('WHILE puts out', inputs, outputs),
    ...portFindings('its condition takes', inputs, condition.inputs),
    ...portFindings('its body takes', inputs, body.inputs),
    ...portFindings('its body puts out', inputs, body.outputs),
  ];
  if (!/^BOOL\[1?\]$/.test(typeOf(condition.outputs))) {
    const message = `its condition puts out (${typeOf(condition.outputs)}), not one bool`;
    findings.push({ rule: 'loop-ports', message });
  }
  return findings;
}

/** @param subgraphs all of the file, in order */
export function loopFindings(subgraphs: readonly LintedSubgraph[]): Finding[] {
  const loops = subgraphs.flatMap(({ operators }) => operators.filter(({ op }) => op === 'WHILE'));
  const called = new Set(loops.flatMap(({ options }) => [options.condition, options.body]));
  const unused = subgraphs.flatMap((_, i) =>
    i === 0 || called.has(i)
      ? []
      : [{ rule: 'loop-subgraph', message: `nobody calls subgraph ${i}` }],
  );
  return [...loops.flatMap((loop) => whileFindings(loop, subgraphs)), ...unused];
}
