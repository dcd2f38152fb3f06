/** For tests: the backends that this machine has. */
import type { BackendKind } from './backend.ts';
import { useBackend } from './backend.ts';

/** `cpu` always; `tensorflow` when its native library loads. */
export async function availableBackends(): Promise<BackendKind[]> {
  try {
    await useBackend('tensorflow');
    return ['cpu', 'tensorflow'];
  } catch {
    return ['cpu'];
  }
}
