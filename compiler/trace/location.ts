/** Which line of the caller's own code asked for an operation. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** tfjs puts about 20 frames between a model's line and a kernel. */
const DEEPEST_STACK = 80;

const own = (file: string): boolean =>
  /\/compiler\/(?:trace\/|tensorflow\/|index\.js$)/.test(file) && !file.endsWith('.test.ts');

/** tfjs's source maps point to sources that are not installed. */
const library = (file: string): boolean => /\/node_modules\/|\/tfjs[\w-]*\/src\//.test(file);

/** `models/reranker/rerank.ts:41`, or undefined when only library code is on the stack. */
export function callerLocation(stack = stackText()): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    const found = /((?:file:\/\/)?\/[^()]+?\.[cm]?[jt]s)(?:\?[^:]*)?:(\d+):\d+\)?$/.exec(line);
    if (!found?.[1] || library(found[1])) continue;
    const file = found[1].startsWith('file:') ? fileURLToPath(found[1]) : found[1];
    if (!own(file)) return `${relative(process.cwd(), file)}:${found[2]}`;
  }
  return undefined;
}

const DRAWS =
  /\b(?:randomUniform|randomNormal|randomStandardNormal|truncatedNormal|randomGamma|multinomial|rand|dropout)_?\b/g;

/** Runs `body` with errors whose stacks reach the caller's own code. */
export function withDeepStacks<T>(body: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEEPEST_STACK;
  try {
    return body();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The stack of this call as text. */
export const stackText = (): string => withDeepStacks(() => new Error('stack').stack ?? '');

/** The outermost function of tfjs on the stack that draws numbers in JavaScript: `tf.dropout`. */
export function drawingFunction(): string | undefined {
  const frames = stackText().split('\n').filter(library);
  const drawn = frames.flatMap((frame) => frame.match(DRAWS) ?? []).at(-1);
  return drawn === undefined ? undefined : `tf.${drawn.replace(/_$/, '')}`;
}
