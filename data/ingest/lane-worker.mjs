// Entry of a thread that reads log files: makes Node read TypeScript, then hands over.
import { register } from 'tsx/esm/api';

register();
await import('./lane-worker.ts');
