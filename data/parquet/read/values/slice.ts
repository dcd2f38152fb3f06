/** A part of a page: what decoders read. */
export interface Slice {
  bytes: Uint8Array;
  /** Of the same bytes. */
  view: DataView;
  /** The next byte; decoders move it on. */
  at: number;
  end: number;
}

export const sliceOf = (bytes: Uint8Array): Slice => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  at: 0,
  end: bytes.length,
});
