// Entry of a thread that stitches buckets: makes Node read TypeScript, then hands over.
import { register } from 'tsx/esm/api';

register();
await import('./bucket-worker.ts');
