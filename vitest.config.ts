import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Native addons (TensorFlow, DuckDB, ONNX Runtime) crash in worker threads.
    pool: 'forks',
    maxWorkers: 2,
    include: ['**/*.test.ts'],
    // The end-to-end runs take minutes: `npm run test:e2e`.
    exclude: process.env.EDGELOOM_E2E
      ? ['node_modules/**', '.edgeloom/**']
      : ['node_modules/**', '.edgeloom/**', 'test/e2e/**'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
