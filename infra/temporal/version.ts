/** The pinned version: what is downloaded, and what `server/go.mod` builds. */
export const TEMPORAL_CLI_VERSION = '1.8.2';
