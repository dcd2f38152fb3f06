/** The quantisation rules of int8 kernels, as far as a file can break them. */

import type { Finding } from '../finding.ts';
import type { Quantization } from '../graph/ir.ts';
import type { TfliteTensor } from './model.ts';
import { sameQuantization, TANH_OUTPUT, UNIT_OUTPUT } from './quantize.ts';
import type { OperatorName } from './schema.ts';
import type { OperatorUse } from './versions.ts';

/** A file's operator with names in place of codes. */
export interface LintedOperator extends OperatorUse {
  version: number;
  inputIds: number[];
  outputIds: number[];
}

const fixedOutputs: Partial<Record<OperatorName, Quantization>> = {
  SOFTMAX: UNIT_OUTPUT,
  LOGISTIC: UNIT_OUTPUT,
  TANH: TANH_OUTPUT,
};

/** Kernels that copy int8 values without rescaling them; the data inputs are picked by position. */
const copying: Partial<Record<OperatorName, (inputs: readonly TfliteTensor[]) => TfliteTensor[]>> =
  {
    CONCATENATION: (inputs) => [...inputs],
    PACK: (inputs) => [...inputs],
    MAXIMUM: (inputs) => [...inputs],
    MINIMUM: (inputs) => [...inputs],
    SELECT_V2: (inputs) => inputs.slice(1),
    PADV2: (inputs) => [...inputs.slice(0, 1), ...inputs.slice(2)],
    SPLIT: (inputs) => inputs.slice(1),
    ...Object.fromEntries(
      [
        'GATHER',
        'RESHAPE',
        'TRANSPOSE',
        'SLICE',
        'STRIDED_SLICE',
        'TILE',
        'BROADCAST_TO',
        'REVERSE_V2',
        'SPLIT_V',
        'UNPACK',
        'REDUCE_MAX',
        'REDUCE_MIN',
      ].map((op) => [op, (inputs: readonly TfliteTensor[]) => inputs.slice(0, 1)]),
    ),
  };

const LOWEST_ZERO_POINT = -128;
const HIGHEST_ZERO_POINT = 127;
/** Scales are float32 products of float32 factors. */
const RELATIVE_ERROR = 1e-5;

function parameterFindings(tensor: TfliteTensor): Finding[] {
  const { name, type, quantization, shape } = tensor;
  const bad = (message: string): Finding => ({
    rule: 'quantization-parameters',
    message: `${name}: ${message}`,
  });
  if (type !== 'INT8') {
    const misplaced = quantization && type !== 'INT32';
    return misplaced ? [bad(`${type} with quantisation parameters`)] : [];
  }
  if (!quantization) return [bad('INT8 without quantisation parameters')];
  const { scale, zeroPoint, axis } = quantization;
  const findings: Finding[] = [];
  if (zeroPoint.length !== scale.length) {
    findings.push(bad(`${zeroPoint.length} zero points for ${scale.length} scales`));
  }
  if (scale.some((s) => !(s > 0) || !Number.isFinite(s))) {
    findings.push(bad('a scale that is not positive'));
  }
  if (zeroPoint.some((z) => z < LOWEST_ZERO_POINT || z > HIGHEST_ZERO_POINT)) {
    findings.push(bad('a zero point outside int8'));
  }
  if (scale.length > 1 && scale.length !== shape[axis]) {
    findings.push(bad(`${scale.length} scales along axis ${axis} of [${shape}]`));
  }
  if (scale.length > 1 && zeroPoint.some((z) => z !== 0)) {
    findings.push(bad('scales per channel need zero points of 0'));
  }
  return findings;
}

function biasFindings({ op, inputs }: LintedOperator): Finding[] {
  const [x, w, b] = inputs;
  if (op !== 'FULLY_CONNECTED' || x?.type !== 'INT8' || !w || !b) return [];
  const bad = (message: string): Finding[] => [{ rule: 'bias-scale', message }];
  const { quantization } = b;
  if (b.type !== 'INT32' || !quantization) return bad(`bias ${b.name} has no parameters`);
  if (quantization.zeroPoint.some((z) => z !== 0)) return bad(`bias ${b.name} has a zero point`);
  const weights = w.quantization?.scale ?? [];
  if (quantization.scale.length !== weights.length) return bad(`bias ${b.name}: number of scales`);
  const inputScale = x.quantization?.scale[0] ?? 0;
  const wrong = quantization.scale.findIndex((scale, i) => {
    const product = inputScale * (weights[i] ?? 0);
    return Math.abs(scale - product) > RELATIVE_ERROR * product;
  });
  return wrong < 0 ? [] : bad(`bias ${b.name}: scale ${wrong} is not input scale · weight scale`);
}

function operatorFindings(operator: LintedOperator): Finding[] {
  const { op, inputs, outputs } = operator;
  const findings = biasFindings(operator);
  const output = outputs[0];
  if (output?.type !== 'INT8' || !output.quantization) return findings;
  const wanted = fixedOutputs[op];
  if (wanted && !sameQuantization(output.quantization, wanted)) {
    const message = `${op} must have the output scale ${wanted.scale}, zero point ${wanted.zeroPoint}`;
    findings.push({ rule: 'fixed-output', message });
  }
  const sources = copying[op]?.(inputs) ?? [];
  for (const tensor of [...sources, ...(sources.length > 0 ? outputs.slice(1) : [])]) {
    if (tensor.quantization && sameQuantization(tensor.quantization, output.quantization)) continue;
    const message = `${op}: ${tensor.name} and ${output.name} differ, but the kernel copies bytes`;
    findings.push({ rule: 'same-parameters', message });
  }
  const [x] = inputs;
  if (op === 'SUM' && x?.quantization && sameQuantization(x.quantization, output.quantization)) {
    const message = 'SUM with equal parameters adds bytes without zero points';
    findings.push({ rule: 'sum-rescales', message });
  }
  const floats = [...inputs, ...outputs].filter(({ type }) => type === 'FLOAT32');
  if (floats.length > 0 && op !== 'QUANTIZE' && op !== 'DEQUANTIZE') {
    findings.push({ rule: 'mixed-types', message: `${op} mixes float32 and int8` });
  }
  return findings;
}

export function quantizationFindings(
  tensors: readonly TfliteTensor[],
  operators: readonly LintedOperator[],
): Finding[] {
  return [...tensors.flatMap(parameterFindings), ...operators.flatMap(operatorFindings)];
}
