/** Predicted against observed click rates, from the predictions of the evaluate stage. */
import { SafetensorsFile } from '../../lib/safetensors.ts';
import { sigmoid } from '../../models/metrics/calibration.ts';

export type CalibrationBin = {
  /** Mean predicted probability. */
  predicted: number;
  /** Share of positives. */
  observed: number;
  rows: number;
};

const BINS = 10;

/** Bins of equal size, ascending by probability. */
export function calibrationBins(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  bins = BINS,
): CalibrationBin[] {
  const order = Array.from({ length: labels.length }, (_, i) => i);
  order.sort((a, b) => probabilities[a]! - probabilities[b]!);
  const result: CalibrationBin[] = [];
  for (let bin = 0; bin < bins; bin++) {
    const members = order.slice(
      Math.floor((bin * order.length) / bins),
      Math.floor(((bin + 1) * order.length) / bins),
    );
    if (members.length === 0) continue;
    const mean = (values: ArrayLike<number>): number =>
      members.reduce((sum, row) => sum + values[row]!, 0) / members.length;
    result.push({ predicted: mean(probabilities), observed: mean(labels), rows: members.length });
  }
  return result;
}

/** Bins of every named model whose logits are in the predictions. */
export async function readCalibration(
  path: string,
  models: string[],
): Promise<Record<string, CalibrationBin[]>> {
  const file = await SafetensorsFile.open(path);
  try {
    const labels = (await file.read('label')).data;
    const result: Record<string, CalibrationBin[]> = {};
    for (const model of models) {
      const column = `score/${model}`;
      if (!file.names().includes(column)) continue;
      const logits = (await file.read(column)).data as Float32Array;
      result[model] = calibrationBins(Float64Array.from(logits, sigmoid), labels);
    }
    return result;
  } finally {
    await file.close();
  }
}
