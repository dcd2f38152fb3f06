// Entry of a thread that stitches buckets: makes Node read TypeScript, then hands over.
import { load } from '../../lib/start/load.mjs';

await load(import.meta.url, './bucket-worker.ts');
