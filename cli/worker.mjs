// Entry of a worker process.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./worker-main.ts');
await main();
