// Entry of a worker process.
import { load } from '../lib/start/load.mjs';
import { modules } from './modules.mjs';

const { main } = await load(import.meta.url, './worker-main.ts', modules);
await main();
