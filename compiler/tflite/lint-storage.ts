/** The rules of float16 and hybrid files: constants in fewer bytes, arithmetic in float32. */
import type { Finding } from '../finding.ts';
import { isFiniteHalf } from './float16.ts';
import type { LintedOperator } from './lint-quantization.ts';
import type { TfliteTensor } from './model.ts';
import { isHybrid } from './versions.ts';

function halfFindings(tensor: TfliteTensor): Finding[] {
  if (tensor.type !== 'FLOAT16') return [];
  const bad = (message: string): Finding[] => [{ rule: 'float16', message }];
  const { name, data } = tensor;
  if (!data) return bad(`${name} is computed in float16, which kernels do not`);
  // Linted bytes may begin anywhere in the file.
  const halves = new Uint16Array(data.slice().buffer, 0, data.length >> 1);
  if (halves.every(isFiniteHalf)) return [];
  return bad(`${name} holds numbers that float16 cannot: keep it in float32`);
}

function hybridFindings({ inputs, outputs, options }: LintedOperator): Finding[] {
  const [, w, b] = inputs;
  const bad = (message: string): Finding => ({ rule: 'hybrid', message: `hybrid ${message}` });
  const findings: Finding[] = [];
  if (!w?.data) findings.push(bad('weights must be constant'));
  if (w?.quantization?.zeroPoint.some((z) => z !== 0)) findings.push(bad('weights are symmetric'));
  if (w?.quantization?.axis !== 0) findings.push(bad('weights have their scales along axis 0'));
  if (b && b.type !== 'FLOAT32') findings.push(bad(`bias ${b.name} must be float32`));
  if (outputs[0]?.type !== 'FLOAT32') findings.push(bad('output must be float32'));
  if (options.asymmetric !== true) {
    findings.push(bad('inputs lose half their steps without asymmetric_quantize_inputs'));
  }
  return findings;
}

function operatorFindings(operator: LintedOperator): Finding[] {
  const { op, inputs, outputs } = operator;
  if (isHybrid(operator)) return hybridFindings(operator);
  if (op === 'DEQUANTIZE') return [];
  const findings: Finding[] = [];
  if (inputs.some(({ type }) => type === 'FLOAT16')) {
    findings.push({ rule: 'float16', message: `${op} reads float16 without a DEQUANTIZE` });
  }
  const int8 = inputs.find(({ type }) => type === 'INT8');
  if (int8 && outputs.some(({ type }) => type === 'FLOAT32')) {
    const message = `${op} reads ${int8.name} in int8 and writes float32`;
    findings.push({ rule: 'mixed-types', message });
  }
  return findings;
}

export function storageFindings(
  tensors: readonly TfliteTensor[],
  operators: readonly LintedOperator[],
): Finding[] {
  return [...tensors.flatMap(halfFindings), ...operators.flatMap(operatorFindings)];
}
