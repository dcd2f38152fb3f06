/** References to what a stage made. References travel between stages; rows never do. */

/** A content-addressed folder in the store. */
export interface ArtifactRef {
  /** Where the store keeps it. */
  uri: string;
  /** `sha256:<hex>` of the canonical list of (path, sha256, bytes). */
  sha256: string;
  /** Rows, samples or events in it, when that has a meaning. */
  rows: number;
  bytes: number;
}
