/** An S3 server of our own, for tests: what other parts may use. */
export { versitygwOrReason } from './binary.ts';
export { type S3Server, startVersitygw } from './server.ts';
