/** Undefined when `EDGELOOM_CACHE` holds a relative path. */
export function cachePath(env?: Readonly<Record<string, string | undefined>>): string | undefined;
