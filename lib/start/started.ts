/** What `load.mjs` left of how this process was started. */
export interface Started {
  /** Folder of the bundle that is run. */
  folder?: string;
  /** Why the sources are run instead. */
  reason?: string;
}

/** Undefined when no entry of ours started the process, as in tests. */
export const started = (): Started | undefined =>
  (globalThis as { [key: symbol]: Started | undefined })[Symbol.for('edgeloom.start')];
