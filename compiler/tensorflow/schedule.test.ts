import { describe, expect, it } from 'vitest';
import { numbers } from './arithmetic.ts';
import { learningRateAt, learningRateSum, type Schedule } from './schedule.ts';

const schedules: Schedule[] = [
  {},
  { warmupSteps: 7 },
  { decay: 'linear', totalSteps: 20 },
  { decay: 'cosine', totalSteps: 20, floor: 0.1 },
  { warmupSteps: 5, decay: 'cosine', totalSteps: 30 },
  { warmupSteps: 1, decay: 'linear', totalSteps: 12, floor: 0.5 },
];

describe('learningRateSum', () => {
  it.each(schedules)('is the sum of the rates of all steps: %j', (schedule) => {
    let sum = 0;
    expect(learningRateSum(numbers, 0.1, schedule, 0)).toBeCloseTo(0, 12);
    for (let step = 1; step <= 50; step++) {
      sum += learningRateAt(numbers, 0.1, schedule, step);
      expect(learningRateSum(numbers, 0.1, schedule, step)).toBeCloseTo(sum, 10);
    }
  });
});
