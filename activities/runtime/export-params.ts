/** Parameters that export stages share. */
import { z } from 'zod';
import { backendParam } from './training-params.ts';

const rows = z.int().min(1);

export const exportParams = z.strictObject({
  trainDates: z
    .array(z.iso.date())
    .min(1)
    .describe('int8 is calibrated on these days; parity takes rows where validDate has too few'),
  validDate: z.iso.date().describe('the loss of int8 is measured on this day, and parity first'),
  backend: backendParam.default('cpu').describe('what computes the trained model for parity'),
  seed: z.int().default(1).describe('of the draw of rows'),
  calibrationRows: rows.exactOptional(),
  parityRows: rows.exactOptional().describe('rows of the parity table, 500 at least'),
  evaluationRows: rows.exactOptional().describe('rows that the loss of int8 is measured on'),
});
