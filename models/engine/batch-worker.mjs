// Entry of the thread that reads batches: makes Node read TypeScript, then hands over.
import { load } from '../../lib/start/load.mjs';

await load(import.meta.url, './batch-worker.ts');
