// Entry of the thread that reads batches: makes Node read TypeScript, then hands over.
import { register } from 'tsx/esm/api';

register();
await import('./batch-worker.ts');
