/** The pages of a column chunk: headers, checksums, decompression. */
import { crc32 } from 'node:zlib';
import type { Decompressor } from './codecs/decompress.ts';
import { Damage, NotSupported } from './damage.ts';
import type { PageLevels } from './levels.ts';
import type { Leaf } from './schema.ts';
import { type Struct, ThriftReader } from './thrift.ts';
import { ENCODING } from './values/encoding.ts';
import { type Slice, sliceOf } from './values/slice.ts';

const DATA = 0;
const DICTIONARY = 2;
const DATA_V2 = 3;
const LARGEST = 2 ** 31 - 1;

/** A page that was found, not yet decompressed. */
export interface Page {
  kind: 'data' | 'data-v2' | 'dictionary';
  /** Values; in data pages with nulls and empty lists. */
  slots: number;
  encoding: number;
  /** What its header says beyond that. */
  header: Struct;
  /** Bytes once decompressed, levels included. */
  size: number;
  bytes: Uint8Array;
}

/** Finds the pages of a chunk of `slots` values. @throws Damage, NotSupported */
export function pagesOf(chunk: Uint8Array, slots: number): Page[] {
  const pages: Page[] = [];
  const reader = new ThriftReader(chunk, 0, chunk.length);
  for (let found = 0; found < slots; ) {
    if (reader.at >= chunk.length) {
      throw new Damage(`the pages have ${found} values, the column ${slots}`);
    }
    const header = reader.struct();
    const from = reader.at;
    const to = from + header.count(3, LARGEST);
    if (to > chunk.length) throw new Damage('a page runs past the end of its column');
    reader.at = to;
    const bytes = chunk.subarray(from, to);
    const crc = header.int(4);
    if (crc !== undefined && crc32(bytes) >>> 0 !== crc >>> 0) {
      throw new Damage('the checksum of a page does not fit');
    }
    const page = pageOf(header, bytes);
    if (!page) continue;
    if (page.kind === 'dictionary') {
      if (pages.length > 0) throw new Damage('a dictionary is not the first page');
    } else found += page.slots;
    if (found > slots) throw new Damage(`the pages have more values than the column's ${slots}`);
    pages.push(page);
  }
  return pages;
}

function pageOf(header: Struct, bytes: Uint8Array): Page | undefined {
  const size = header.count(2, LARGEST);
  const type = header.int(1);
  const kind =
    type === DATA
      ? 'data'
      : type === DATA_V2
        ? 'data-v2'
        : type === DICTIONARY
          ? 'dictionary'
          : undefined;
  if (!kind) return undefined;
  const own = header.struct(kind === 'data' ? 5 : kind === 'data-v2' ? 8 : 7);
  if (!own) throw new Damage('a page has no header of its kind');
  const encoding = own.count(kind === 'data-v2' ? 4 : 2, 255);
  return { kind, slots: own.count(1, LARGEST), encoding, header: own, size, bytes };
}

/** A page of data, decompressed: good until the next one. */
export interface DataPage {
  levels: PageLevels;
  values: Slice;
}

export function openDictionary(page: Page, decompressor: Decompressor): Slice {
  if (page.encoding !== ENCODING.plain && page.encoding !== ENCODING.oldDictionary) {
    throw new NotSupported(`a dictionary in encoding ${page.encoding}`);
  }
  return sliceOf(decompressor.decompress(page.bytes, page.size));
}

export function openData(page: Page, leaf: Leaf, decompressor: Decompressor): DataPage {
  return page.kind === 'data'
    ? openFirstVersion(page, leaf, decompressor)
    : openSecondVersion(page, leaf, decompressor);
}

function openFirstVersion(page: Page, leaf: Leaf, decompressor: Decompressor): DataPage {
  const values = sliceOf(decompressor.decompress(page.bytes, page.size));
  const { slots, header } = page;
  const level = (most: number, encoding: number): Slice | undefined => {
    if (most === 0) return undefined;
    if (encoding !== ENCODING.rle) throw new NotSupported(`levels in encoding ${encoding}`);
    if (values.at + 4 > values.end) throw new Damage('a page is cut off before its levels');
    const length = values.view.getUint32(values.at, true);
    return split(values, 4, length);
  };
  const repetition = level(leaf.maxRepetition, header.count(4, 255));
  const definition = level(leaf.maxDefinition, header.count(3, 255));
  return { levels: { repetition, definition, slots }, values };
}

/** Levels stand uncompressed in front. */
function openSecondVersion(page: Page, leaf: Leaf, decompressor: Decompressor): DataPage {
  const { slots, header, bytes } = page;
  const all = sliceOf(bytes);
  const repetition = split(all, 0, header.count(6, LARGEST));
  const definition = split(all, 0, header.count(5, LARGEST));
  const packed = bytes.subarray(all.at);
  const size = page.size - all.at;
  if (size < 0) throw new Damage('a page is smaller than its levels');
  const compressed = header.flag(7) !== false && packed.length > 0;
  if (!compressed && size !== packed.length) {
    throw new Damage('a page has another size than it says');
  }
  const values = sliceOf(compressed ? decompressor.decompress(packed, size) : packed);
  const levels = {
    repetition: leaf.maxRepetition > 0 ? repetition : undefined,
    definition: leaf.maxDefinition > 0 ? definition : undefined,
    slots,
  };
  return { levels, values };
}

/** Parts off `length` bytes that come after `skip` more. */
function split(slice: Slice, skip: number, length: number): Slice {
  const at = slice.at + skip;
  const end = at + length;
  if (end > slice.end) throw new Damage('a page is cut off within its levels');
  slice.at = end;
  return { bytes: slice.bytes, view: slice.view, at, end };
}
