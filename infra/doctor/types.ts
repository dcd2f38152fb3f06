/** What the doctor says about one part. */
import type { Environment } from '../shared/cache.ts';

export type PartState = 'ok' | 'missing' | 'broken';

export interface Finding {
  state: PartState;
  version?: string;
  /** Where it came from: a path, `npm`, `cache`, `PATH`. */
  from?: string;
  /** What is wrong, or what is worth knowing. */
  detail?: string;
  /** How to mend it; always given when the state is not `ok`. */
  fix?: string;
}

export interface Part extends Finding {
  /** Stable: `tensorflow-library`. */
  name: string;
  /** True when edgeloom cannot do its work without it. */
  needed: boolean;
}

export interface DoctorOptions {
  env: Environment;
  /** Root of the checkout, with package.json and node_modules. */
  projectRoot: string;
  workspace: string;
}

/** One part: how to look at it. */
export interface Check {
  name: string;
  needed: boolean;
  look(): Promise<Finding> | Finding;
}
