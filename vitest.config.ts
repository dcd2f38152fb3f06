import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Native addons (TensorFlow, DuckDB, ONNX Runtime) crash in worker threads.
    pool: 'forks',
    maxWorkers: 2,
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', '.edgeloom/**', 'edgeloom-bundle/**'],
    globalSetup: ['test/shared-folder.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
