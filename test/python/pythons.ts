/** The interpreters of the side-check, or why it is skipped. */
import { ensurePython } from '../../infra/python/index.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';

export interface Pythons {
  sideCheck: string;
  oldPhone: string;
}

/** Every package has a wheel there, so that one which cannot be installed is a fault and not a gap. */
const HAS_WHEELS = process.platform === 'linux' && process.arch === 'x64';

/**
 * Sets both environments up. Answers with a reason where there is no Python of a fitting version,
 * or no wheel for this platform; every other failure is thrown.
 */
export async function sideCheckPythons(
  options: RunOptions = {},
): Promise<Pythons | { reason: string }> {
  try {
    return {
      sideCheck: await ensurePython('side-check', options),
      oldPhone: await ensurePython('old-phone', options),
    };
  } catch (error) {
    if (!(error instanceof EdgeloomError)) throw error;
    const lacking =
      error.code === 'python-missing' || (error.code === 'python-packages-failed' && !HAS_WHEELS);
    if (!lacking) throw error;
    return { reason: error.describe() };
  }
}
