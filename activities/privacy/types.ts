/** What erasing, re-keying and retention work on. */
import type { ErasedUsers } from '../../data/privacy/erased-users.ts';
import type { StoreUpkeep } from '../../lib/artifact.ts';

/** Simulated users have no privacy to protect, and a key that everyone knows makes runs comparable. */
export const SIMULATED_KEY_ID = 'simulated';

/** The secrets of user keys on this machine, and the lists of erased users beside them. */
export interface KeyRing {
  /** Ids of all secrets here, the one of simulated users included. */
  ids(): Promise<string[]>;
  /** @throws EdgeloomError `user-key-missing` */
  secret(id: string): Promise<Uint8Array>;
  erased(id: string): Promise<ErasedUsers | undefined>;
  saveErased(id: string, list: ErasedUsers): Promise<void>;
  /** The one that new logs are hashed with; undefined before the first run. */
  current(): Promise<string | undefined>;
  setCurrent(id: string): Promise<void>;
  /** Keeps a new secret. @returns its id */
  add(secret: Uint8Array): Promise<string>;
  /** Destroys a secret and its list. */
  destroy(id: string): Promise<void>;
}

export interface Estate {
  /** The pipeline's folder: audit/, stage-logs/, keys/ … */
  workspace: string;
  store: StoreUpkeep;
  keys: KeyRing;
}
