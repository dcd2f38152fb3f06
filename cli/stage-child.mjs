// Entry of the process that runs one stage for a worker.
import { load } from '../lib/start/load.mjs';
import { modules } from './modules.mjs';

const { main } = await load(import.meta.url, './stage-child.ts', modules);
await main();
