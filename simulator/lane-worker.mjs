// Entry of a thread that plays sessions: makes Node read TypeScript, then hands over.
import { load } from '../lib/start/load.mjs';

await load(import.meta.url, './lane-worker.ts');
