// Entry of the process that runs one stage for a worker.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./stage-child.ts');
await main();
