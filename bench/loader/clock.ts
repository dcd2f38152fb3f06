/** Wall and CPU time of a piece of work. */

/** Milliseconds; `cpuMs` is of all threads of the process. */
export interface Spent {
  wallMs: number;
  cpuMs: number;
}

export async function clocked<T>(work: () => Promise<T>): Promise<Spent & { result: T }> {
  const before = process.cpuUsage();
  const started = performance.now();
  const result = await work();
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { wallMs, cpuMs: (user + system) / 1e3, result };
}
