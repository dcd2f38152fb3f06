/** Trying again what the SDK does not: bodies that break off. */
import { setTimeout as delay } from 'node:timers/promises';

const BASE_MS = 100;
const LIMIT_MS = 20_000;

/** Waits before attempt `failures + 1`: a random part of 100 ms, doubled per failure, at most 20 s. */
export async function backOff(failures: number, signal?: AbortSignal): Promise<void> {
  const most = Math.min(BASE_MS * 2 ** Math.min(failures, 10), LIMIT_MS);
  try {
    await delay(Math.random() * most, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
