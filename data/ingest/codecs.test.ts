import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gunzip } from './gzip.ts';
import { type Content, type Ending, Input } from './input.ts';
import { LineSplitter } from './lines.ts';
import { RowBuffer } from './row-buffer.ts';
import { rawZstdFrame } from './zstd/frame-fixture.ts';
import { unzstd } from './zstd/frames.ts';
import { Xxh64 } from './zstd/xxh64.ts';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function drain(content: Content): Promise<{ bytes: Buffer; ending: Ending }> {
  const parts: Buffer[] = [];
  for (;;) {
    const next = await content.next();
    if (next.done) return { bytes: Buffer.concat(parts), ending: next.value };
    parts.push(next.value);
  }
}

const unpack = (
  codec: (input: Input) => Content,
  bytes: Buffer,
  chunk = 64 * 1024,
): Promise<{ bytes: Buffer; ending: Ending }> => drain(codec(new Input(pieces(bytes, chunk))));

const hex = (text: string): string => {
  const hash = new Xxh64();
  hash.update(Buffer.from(text));
  return hash
    .digest()
    .map((half) => (half >>> 0).toString(16).padStart(8, '0'))
    .join('');
};

describe('XXH64', () => {
  // From the reference implementation (xxhsum -H1).
  test.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
  ])('of %j', (text, expected) => {
    expect(hex(text)).toBe(expected);
  });

  test('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 70 }),
        (bytes, size) => {
          const whole = new Xxh64();
          whole.update(bytes);
          const parts = new Xxh64();
          for (let at = 0; at < bytes.length; at += size)
            parts.update(bytes.subarray(at, at + size));
          expect(parts.digest()).toEqual(whole.digest());
        },
      ),
      { seed: 3 },
    );
  });
});

describe('zstd', () => {
  // `seq 1 2000 | zstd -19 --check`: compressed blocks with a checksum, made by zstd 1.5.
  const COMPRESSED =
    'KLUv/QRofXAAChnCNwmw6yRJiHBSmHVvA44DYwMLzUFzaSbNQPPNbDPXzDTzzCwzx8ydmTPDzCezyVwyk8wjs8gcMldmygwyX8wWc8VMMU/MEnPE3JgZM8R8na1zdabO01k6R+d2ZmfofJyNc3EmzsNZOAfnciZn4HwwG8wFM8E8MAvMAXNhJswA851sJ9fJdPKcLCfHyT2ZJ8PJZ7KZXCaTyWOymBwm12SaDCZfyVZylUwlT8lScpTcklkylHwkG8lFMpE8JAvJQXJJJslA8o1sI9fINPKMLCPHyB2ZI8PIJ7KJXCKTyCOyiBwiV2SKDCJfyBZyhUwhT8gScoTckBkyhHyVrXJVpspTWSpH5VZmZah8lI1yUSbKQ1koB+VSJmWgfCAbyAUygTwgC8gBckEmyADyXWwX18V08VwsF8fFvZgXw8VnsVlcFpPFY7FYHBbXYloMFl/FVnFVTBVPxVJxVNyKWTFUfBQbxUUxUTwUC8VBcSkmxUDxTWwT18Q08UwsE8fEnZgTw8QnsUlcEpPEI7FIHBJXYkoMEl/EFnFFTBFPxBJxRNyIGTFEfI2tcTWmxtNYGkfjNmZjaHyMjXExJsbDWBgH4zImY2B8EBvEBTFBPBALxAFxISbEAPFdt+t1na7Pdbke13ud1+H6WTfrZZ2sj3WxHtZrndbB+lW36lWdqk91qR7VW53VofpRN+pFnagPdaEe1Eud1IH6TbfpNZ2mz3SZHtM7ndNh+kk36SWdpI90kR7SK53SQfpFt+gVnaJPdIke0Rud0SH6tVt7tVP7tEt7tLed7dB+7MZe7MQ+7MIe7GUnO7AfdINe0An6QBfoAb3QCR2g33E7Xsfp+ByX43G8x3kcjp9xM17GyfgYF+NhvMZpHIxfcStexan4FJfiUbzFWRyKH3EjXsSJ+BAX4kG8xEkciN9wG17DafgMl+ExvMM5HIafcBNewkn4CBfhIbzCKRyEX3ALXsEp+ASX4BG8wRkcgl+5lVc5lU+5lEd5y1kO5Udu5EVO5EMu5EFecpID+QE34AWcgA9wAR7AC5zAAfjddtdN99xyx92bN9xnm1022WOLHXZt2mBfbXXVVE8tddStWUN9tNFFEz200EGXJg30zTbXTPPMMsfcmTPMJ5tcMskjixxyZcogX2xxxRRPLHHEjRlDfN16derTpUdvZ4d+3Hhx4sOFBy8nB37bNT3LcWcGHAz4FXAr4FXAqYBPAZcCHgW8BZwFHAr4EXAj4EXAiYAPARcCHgS8BJwEHAj4DXAb4DXAaYDPAJcBHgO8A5wDHAb4CXAT4CXASYCPABcBHgK8ApwCHAT4BXAL4BXAKYBPAJcAHgG8AZwBHAL4FbgVeBU4FfgUuBR4FHgLnAUOBX4EbgReBE4EPgQuBB4EXgIngQOBHwA3AF4AnAD4AHAB4AHAC8AJwAGA3912d91Nd8/dcnfc3bt5N9x9dpvdZTfZPXaL3WF37abdYPfVbXVX3VT31C11R92tm3VD3Ue30V10E91Dt9AddJdu0g1039w2d81Nc8/cMnfM3bk5N8x9cpvcJTfJPXKL3CF35abcIPfFbXFX3BT3xC1xR9yNm3FD3Nfbeldv6j29pXf0bm/2ht7H23gXb+I9vIV38C5v8gbeB7fBXXAT3AO3wB1wF27CDXDf2XZ2nU1nz9lydpzds3k2nH1mm9llNpk9ZovZYXbNptlg9pVtZVfZVPaULWVH2S2bZUPZR7aRXWQT2UO2kB1kl2ySDWTf2DZ2jU1jz9gydozdsTk2jH1im9glNok9YovYIXbFptgg9oVtYVfYFPaELWFH2A2bYUPYV9tqV22qPbWldtRubdaG2kfbaBdtoj20hXbQLm3SBtoHtoFdYBPYA7aAHWAXbIINYN/VdnVdTVfP1XJ1XN2reTVcfVab1WU1WT1Wi9Vhda2m1WD1VW1VV9VU9VQtVUfVrZpVQ9VHtVFdVBPVQ7VQHVSXalINVN/UNnVNTVPP1DJ1TN2pOTVMfVKb1CU1ST1Si9QhdaWm1CD1RW1RV9QU9UQtUUfUjZpRQ9TX2lpXa2o9raV1tG5rtobWx9pYF2tiPayFdbAua7IG1ge1QV1QE9QDtUAdUBdqQg1Q39F2dB1NR8/RcnQc3aN5NBx9RpvRZTQZPUaL0WF0jabRYPQVbUVX0VT0FC1FR9EtmkVD0Ue0EV1EE9FDtBAdRJdoEg1E39A2dA1NQ8/QMnQM3aE5NAx9QpvQJTQJPUKL0CF0habQIPQFbUFX0BT0BC1BR9ANmkFD0FfaSldpKj2lpXSUbmmWhtJH2kgXaSI9pIV0kC5pkgbSB7QBXUAT0AO0AB1AF2gCDUDfzXZz3Uw3z81yc9zcm3kz3Hw2m81lM9k8NovNYXNtps1g89VsNVfNVPPULDVHza2ZNUPNR7PRXDQTzUMTnBwOHH4w3GB4wXCC4QPDBYYHDC8MJwwHGH4n3E54nXA64XPC5YTHCe8J5wmHE34m3Ex4mXAy4WPCxYSHCa8JpwkHE34l3Ep4lXAq4VPCpYRHCW8JZwmHEn4k3Eh4kXAi4UPChYQHCS8JJwkHEn4j3EZ4jXAa4TPCZYTHCO8I5wiHEX4i3ER4iXAS4SPCRYSHCK8IpwgHEX4h3EJ4hXAK4RPCJYRHCG8IZwiHEH4VbhVeFU4VPhUuFR4V3gpnhUOFH4UbhReFE4UPhQuFB4WXwknhQOEHwg2EFwgnED4gXEB4gPCCcIJwAOF3we2C1wWnCz4XXC54XPBecF5wuOBnwc2ClwUnCz4WXCx4WPBacFpwsOBXwa2CVwWnCj4VXCp4VPBWcFZwqOBHwY2CFwUnCj4UXCh4UPBScFJwoOA3wW2C1wSnCT4TXCZ4TPBOcE5wmOAnwU2ClwQnCT4SXCR4SPBKcEpwkOAXwS2CVwSnCD4RXCJ4RPBGcEZwiODX4Nbg1eDU4NPg0uDR4G1wNjg0+DG4MXgxODH4MLgweDB4GZwMDgx+ENwgeEFwguADwQWCBwQvBCcEBwh+V25XXldOVz5XLlceV94r55XDlZ+Vm5WXlZOVj5WLlYeV18pp5WDlV+VW5VXlVOVT5VLlUeWtclY5VPlRuVF5UTlR+VC5UHlQeamcVA5UflNuU15TTlM+Uy5THlPeKeeUw5SflJuUl5STlI+Ui5SHlFfKKeUg5RflFuUV5RTlE+US5RHljXJGOUT5tdxaXi2nlk/LpeXR8racLYeWH8uN5cVyYvmwXFgeLC/LyXJg+UG5QXlBOUH5QLlAeUB5oZxQDlB+R25HXkdORz5HLkceR94j55HDkZ+Rm5GXkZORj5GLkYeR18hp5GDkV+RW5FXkVORT5FLkUeQtchY5FPkRuRF5ETkR+RC5EHkQeYmcRA5EfkNuQ15DTkM+Qy5DHkPeIeeQw5CfkJuQl5CTkI+Qi5CHkFfIKeQg5BfkFuQV5BTkE+QS5BHkDXIGOQT5ldxKXiWnkk/JpeRR8pacJYeSH8mN5EVyIvmQXEgeJC/JSXIg+QG5AXkB+QC5AHkAeYGcQA5AfgfcDngdcDrgc8DlgMcB7wHnAYcDfgbcDHgZcDLgY8DFgIcBrwFnA0C/u7u7uzszMzMzs6qqqqoqIiIiIqKZmZmZGRERERGRiIiIiIi27XHp8ejx9jh7HHr8eNx4vHiceHx4XHg8eLw8Th4HHj84bnC84DjB8YHjAscDjheOE44DHL8zbme8zjid8TnjcsbjjPeM84zDGT8zbma8zDiZ8THjYsbDjNeM04yDGb8ybmW8yjiV8SnjUsajjLeMs4xDGT8ybmS8yDiR8SHjQsaDjJeMk4wDGb8xbmO8xjiN8RnjMsZjjHeMc4zDGD8xbmK8xDiJ8RHjIsZDjFeMU4yDGL8wbmG8wjiF8QnjEsYjjDeMM4xDGL8atxqvGqcanxqXGo8ab42zxqHGj8aNxovGicaHxoXGg8ZL46RxoPED4wbGC4wTGB8wLmA8wHjBOME4gPG74nbF64rTFZ8rLlc8rnivOK84XPGz4mbFy4qTFR8rLlY8rHitOK04WPGr4lbFq4pTFZ8qLlU8qnirOKs4VPGj4kbFi4oTFR8qLlQ8qHipOKk4UPGb4jbFa4rTFJ8pLlM8pninOKc4TPGT4ibFS4qTFB8pLlI8pHilOKU4SPGL4hbFK4pTFJ8oLlE8onijOKM4RPFrcWvxanFq8WlxafFo8bY4Wxxa/FjcWLxYnFh8WFxYPFi8LE4WBxY/KG5QvKA4QfGB4gLFA4oXihOKAxS/I25HvI44HfE54nLE44j3iPOIwxE/I25GvIw4GfEx4mLEw4jXiNOIgxG/Im5FvIo4FfEp4lLEo4i3iLOIQxE/Im5EvIg4EfEh4kLEg4iXiJOIAxG/IW5DvIY4DfEZ4jLEY4h3iHOIwxA/IW5CvIQ4CfER4iLEQ4hXiFOIgxC/IG5BvII4BfEJ4hLEI4g3iDOIQxC/ErcSrxKnEp8SlxKPEm+Js8ShxI/EjcSLxInEh8SFxIPES+IkcSDxA+IGxAuIExAfIC5APIB4gTiBOADxu+F2w+uG0w2fGy43PG54bzhvONzws+Fmw8uGkw0fGy42PGx4bThtONjwq+FWw6uGUw2fGi41PGp4azhrONTwo+FGw4uGEw0fGi40PGh4aThpONDwm+E2w2uG0wyfGS4zPGZ4ZzhnOMzwk+Emw0uGkwwfGS4yPGR4ZThlOMjwi+EWwyuGUwyfGC4xPGJ4YzhjOMTw63Dr8Opw6vDpcOnw6PB2ODscOvw43Di8OJw4fDhcODw4vJxLqBHw6/9/HPA1tgMQ8Afd7Qz+VynVoXCAlKoeNO9M';
  const NUMBERS = Array.from({ length: 2000 }, (_, i) => `${i + 1}\n`).join('');

  test('reads what the zstd program wrote, whatever the size of the pieces', async () => {
    for (const chunk of [1, 7, 65_536]) {
      const { bytes, ending } = await unpack(unzstd, Buffer.from(COMPRESSED, 'base64'), chunk);
      expect(bytes.toString()).toBe(NUMBERS);
      expect(ending.kind).toBe('whole');
    }
  });

  test('finds every changed byte after the frame header, or gives the same content', async () => {
    const good = Buffer.from(COMPRESSED, 'base64');
    for (let at = 6; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 1 << (at % 8);
      const result = await unpack(unzstd, bytes);
      if (result.ending.kind === 'whole') expect(result.bytes.toString()).toBe(NUMBERS);
    }
  });

  test('tells a cut at every place', async () => {
    const good = Buffer.from(COMPRESSED, 'base64');
    for (let length = 1; length < good.length; length += 13) {
      expect((await unpack(unzstd, good.subarray(0, length))).ending.kind).toBe('truncated');
    }
  });

  test('skips skippable frames and takes frames without a checksum', async () => {
    const skippable = Buffer.from('50 2a 4d 18 03 00 00 00 61 62 63'.replaceAll(' ', ''), 'hex');
    const frame = rawZstdFrame('x'.repeat(300), { checksum: false });
    const { bytes, ending } = await unpack(unzstd, Buffer.concat([skippable, frame, skippable]));
    expect(ending.kind).toBe('whole');
    expect(bytes.toString()).toBe('x'.repeat(300));
  });

  test('refuses a window above 128 MiB instead of allocating it', async () => {
    const frame = Buffer.from('28b52ffd00ff010000', 'hex');
    expect((await unpack(unzstd, frame)).ending).toMatchObject({
      kind: 'corrupt',
      detail: 'the zstd frame needs a window above 128 MiB',
    });
  });
});

describe('gzip', () => {
  test('reads members one after another, with names, comments and padding', async () => {
    const named = gzipSync('second\n');
    named[3] = 8 | 16;
    const second = Buffer.concat([
      named.subarray(0, 10),
      Buffer.from('name\0comment\0'),
      named.subarray(10),
    ]);
    const file = Buffer.concat([gzipSync('first\n'), second, Buffer.alloc(7)]);
    for (const chunk of [1, 5, 65_536]) {
      const { bytes, ending } = await unpack(gunzip, file, chunk);
      expect(bytes.toString()).toBe('first\nsecond\n');
      expect(ending.kind).toBe('whole');
    }
  });

  test('gives all it decoded before it says that the checksum is wrong', async () => {
    const file = gzipSync('rows\n');
    file[file.length - 5]! ^= 0x80;
    const { bytes, ending } = await unpack(gunzip, Buffer.concat([gzipSync('good\n'), file]));
    expect(bytes.toString()).toBe('good\nrows\n');
    expect(ending).toMatchObject({ kind: 'checksum', trustedBytes: 5 });
  });

  test('tells what follows that is not gzip', async () => {
    const { bytes, ending } = await unpack(
      gunzip,
      Buffer.concat([gzipSync('a\n'), Buffer.from('b\n')]),
    );
    expect(bytes.toString()).toBe('a\n');
    expect(ending).toMatchObject({ kind: 'corrupt', trustedBytes: 2 });
  });
});

describe('lines', () => {
  test('are those between bytes 0x0A, wherever the chunks are cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\r', '\n', '\u2028', '') });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 9 }), (content, size) => {
        const bytes = Buffer.from(content);
        const found: [number, number, string][] = [];
        const splitter = new LineSplitter(1000, ({ number, offset, bytes: line }) =>
          found.push([number, offset, line.toString()]),
        );
        for (let at = 0; at < bytes.length; at += size)
          splitter.feed(bytes.subarray(at, at + size));
        const rest = splitter.rest();
        found.push([rest.number, rest.offset, rest.bytes.toString()]);
        let offset = 0;
        const expected = content.split('\n').map((line, i): [number, number, string] => {
          const start = offset;
          offset += Buffer.byteLength(line) + 1;
          return [i + 1, start, line];
        });
        expect(found).toEqual(expected);
      }),
      { seed: 5 },
    );
  });

  test('longer than the limit are counted and not kept', () => {
    const seen: { length: number; kept: number; tooLong: boolean }[] = [];
    const splitter = new LineSplitter(1_000_000, ({ length, bytes, tooLong }) => {
      seen.push({ length, kept: bytes.length, tooLong });
    });
    const chunk = Buffer.alloc(65_536, 'x');
    const held = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 800; i++) splitter.feed(Buffer.from(chunk));
    expect(process.memoryUsage().arrayBuffers - held).toBeLessThan(800 * 65_536);
    splitter.feed(Buffer.from('\nshort\n'));
    expect(seen).toEqual([
      { length: 800 * 65_536, kept: 65_536, tooLong: true },
      { length: 5, kept: 5, tooLong: false },
    ]);
  });
});

test('a row buffer joins members and objects into lines, across chunks', () => {
  const rows = new RowBuffer();
  const long = JSON.stringify({ text: 'ü'.repeat(400_000) });
  for (let i = 0; i < 5; i++) rows.add(`{"row_no":${i}`, i === 2 ? long : '{"a":"é"}');
  const lines = Buffer.concat(rows.pieces()).toString().trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
    [0, 1, 2, 3, 4].map((i) => ({
      row_no: i,
      ...(JSON.parse(i === 2 ? long : '{"a":"é"}') as object),
    })),
  );
  expect(rows).toMatchObject({ rows: 5, bytes: Buffer.concat(rows.pieces()).length });
});
