/**
 * Where things are in the line reader's memory. All numbers are bytes; records are little-endian.
 * JavaScript fills the descriptions (`schema.ts`), the generated code (`read-*.ts`) follows them.
 */

/** Single words. */
export const STATE = {
  /** Why `run` stopped: one of STOP. */
  reason: 1024,
  /** The table that is full, or that took the last row. */
  table: 1028,
  /** Object description of the line that was read. */
  object: 1032,
  /** Where the next list element goes. */
  bump: 1036,
  /** 1 when the input is valid UTF-8. */
  utf8: 1040,
  /** Longest line that is read, bytes. */
  maxLine: 1044,
  /** Number of the line, i64: position of the file among the files times 2³² plus line number. */
  rowNo: 1048,
  /** Limits of the clocks, f64. */
  maxAhead: 1056,
  maxLate: 1064,
  earliest: 1072,
  latest: 1080,
  /** Offset of the business day, ms, i64. */
  offset: 1088,
  /** Where the user id of the line is, when it is unknown. */
  userStart: 1096,
  userLength: 1100,
} as const;

export const STOP = { end: 0, refused: 1, user: 2, full: 3 } as const;

/** 10⁰ … 10²² as f64: all of them exact. */
export const POWERS = 2048;
export const POWER_COUNT = 23;
/** Start and length of the keys of the record that is being read. */
export const KEYS = 2304;
export const MAX_KEYS = 8;
/** Descriptions start here. */
export const FIRST_FREE = 4096;

export const KIND = {
  type: 0,
  string: 1,
  option: 2,
  integer: 3,
  number: 4,
  texts: 5,
  objects: 6,
  object: 7,
  record: 8,
} as const;

/** A field. `token` is `"name":`, compared sixteen bytes at a time under `mask`. */
export const FIELD = {
  tokenLength: 0,
  kind: 4,
  index: 8,
  nullable: 12,
  /** Bytes, elements, or how many options. */
  min: 16,
  max: 20,
  /** Options, object description of elements, or the field of a list's strings. */
  inner: 24,
  /** The field that came after this one last time, which is tried first. */
  next: 28,
  token: 32,
  mask: 64,
  low: 96,
  high: 104,
  size: 112,
} as const;
export const MAX_TOKEN = 32;

/** An object: a type of event, an element of a list, or a nested object. */
export const OBJECT = {
  fieldCount: 0,
  /** The field that came first last time. */
  first: 4,
  required: 8,
  fields: 16,
  /** Number of the event type, −1 for other objects. */
  type: 20,
  /** Slots of `started` and `ended` in the record, or 0. */
  started: 24,
  ended: 28,
  recordSize: 32,
  /** Bits of the fields that all types have. */
  envelope: 40,
  /** Tables by group, for event types. */
  tables: 48,
  size: 56,
} as const;

/** An option of an enumeration or a name of a type. */
export const OPTION = { length: 0, object: 4, bytes: 16, mask: 32, size: 48 } as const;

/** What was read of an object: i64 bits of the fields that have a value, then a slot for each. */
export const RECORD = { present: 0, slots: 8, slotSize: 16 } as const;
export const slotAt = (index: number): number => RECORD.slots + RECORD.slotSize * index;

export const TABLE = { rows: 0, maxRows: 4, leafCount: 8, full: 12, leaves: 16 } as const;

export const LEAF_KIND = { text: 0, int32: 1, wide: 2 } as const;
export const SHAPE = { scalar: 0, member: 1, list: 2 } as const;

/** One Parquet column of a table: `data` grows, and one byte a level. */
export const LEAF = {
  shape: 0,
  kind: 4,
  /** Slot and bit of the field in the record of the line. */
  slot: 8,
  bit: 12,
  /** Slot and bit inside the nested record; slot 0: the element is the value. */
  innerSlot: 16,
  innerBit: 20,
  /** 1 when an element may lack the value. */
  innerOptional: 24,
  elementSize: 28,
  data: 32,
  dataFull: 36,
  levels: 40,
  levelsFull: 44,
  /** From the definition levels to the repetition levels. */
  repetition: 48,
  dataStart: 52,
  levelsStart: 56,
  size: 64,
} as const;

/** Known users: a hash index of places, then entries. */
export const USERS = { indexBits: 17, max: 65_536 } as const;
export const USER = { hash: 0, length: 4, bucket: 8, key: 16, id: 48, size: 192 } as const;
export const MAX_USER_BYTES = 128;
