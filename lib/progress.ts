/** How long work reports where it is and learns that it should stop. */

export interface Progress {
  /** What is being done, for a person: "epoch 2 of 5". */
  message: string;
  /** Finished part, 0 … 1, when known. */
  fraction?: number;
}

/** Every long function of `data/`, `models/` and `export/` takes these. */
export interface RunOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}
