/** Everything the worker's workflow bundle holds, by name. */
export { dailyPipeline } from './daily.ts';
