/** Everything the worker's workflow bundle holds, by name. */
export { dailyPipeline } from './daily.ts';
export { eraseUser } from './erase-user.ts';
export { retention } from './retention.ts';
