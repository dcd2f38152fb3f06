/** A process that only reads one epoch: `<tensors folder> <batch size>` → `{"rows", "peakBytes"}`. */
import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../models/engine/backend.ts';
import { Dataset } from '../../models/engine/dataset.ts';
import { Prefetcher } from '../../models/engine/prefetch.ts';
import { modelDefinition } from '../../models/registry.ts';

const [tensorsDir, batchSize] = process.argv.slice(2) as [string, string];
const definition = modelDefinition('reranker');
// Tensors stay arrays: no library, no copies of its own.
await useBackend('cpu');
const dataset = await Dataset.open(tensorsDir, definition.family);
const { inputs, labelCut } = definition.create(definition.configFor(dataset.features, {}));
const prefetcher = new Prefetcher(dataset.source);
const options = {
  batchSize: Number(batchSize),
  shuffle: { seed: 1, epoch: 0 },
  cut: labelCut,
};
let rows = 0;
for await (const batch of prefetcher.batches(inputs, options)) {
  rows += batch.rows;
  tf.dispose(batch.tensors);
}
await prefetcher.close();
await dataset.close();
const peakBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ rows, peakBytes }));
