/** The Temporal server: what other parts may use. */
export { findTemporalBinary } from './binary.ts';
export { findOrStartTemporal, type TemporalServer } from './find-or-start.ts';
