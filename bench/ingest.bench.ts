/** Events a second from a log folder to the lake, as NDJSON.gz and as Parquet. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { STAGE_FLAGS } from '../activities/runtime/child.ts';
import { EXAMPLE_EVENTS } from '../data/contracts/example-events.ts';
import { LogFixture } from '../data/ingest/ingest-fixture.ts';
import { Random } from '../lib/random.ts';
import { runMeasured } from './data/run-process.ts';
import type { Bench, BenchLine } from './types.ts';

const INGEST = fileURLToPath(new URL('./data/ingest-once.ts', import.meta.url));
const FILES = 4;
const CANDIDATES = 50;
const LINES_AT_ONCE = 50_000;
const FORMATS = ['ndjson.gz', 'parquet'] as const;
type Format = (typeof FORMATS)[number];

/** What a phone writes most: exposures, then page views; a request with 50 candidates each page. */
function event(i: number, random: Random): Record<string, unknown> {
  const user = random.below(5_000);
  const envelope = {
    event_id: `e-${i.toString(36).padStart(12, '0')}`,
    user_id: `user-${user}`,
    device_id: `phone-${user}`,
    // A user has an event in 5,000: sessions of some 26 events.
    session_id: `session-${user}-${i >> 17}`,
    request_id: `r-${i >> 5}`,
    ts: EXAMPLE_EVENTS.exposure.ts + 10 * i,
    received_ts: EXAMPLE_EVENTS.exposure.ts + 10 * i + 300,
  };
  const item_id = `item-${random.below(20_000)}`;
  if (i % 32 === 0) {
    const candidates = Array.from({ length: CANDIDATES }, (_, position) => ({
      item_id: `item-${random.below(20_000)}`,
      position,
    }));
    return { ...EXAMPLE_EVENTS.request, ...envelope, candidates };
  }
  const example = i % 6 === 0 ? EXAMPLE_EVENTS.page_view : EXAMPLE_EVENTS.exposure;
  return { ...example, ...envelope, item_id };
}

/** Writes the events; returns the bytes of their lines before compression. */
async function writeLogs(logs: LogFixture, events: number, format: Format): Promise<number> {
  const random = Random.of(1, 'ingest bench');
  let bytes = 0;
  for (let file = 0; file < FILES; file++) {
    const from = Math.floor((file * events) / FILES);
    const to = Math.floor(((file + 1) * events) / FILES);
    // In pieces: a string of all lines may be longer than strings can be.
    const pieces: Buffer[] = [];
    for (let first = from; first < to; first += LINES_AT_ONCE) {
      const lines: string[] = [];
      for (let i = first; i < Math.min(to, first + LINES_AT_ONCE); i++) {
        lines.push(JSON.stringify(event(i, random)));
      }
      pieces.push(Buffer.from(`${lines.join('\n')}\n`));
    }
    const content = Buffer.concat(pieces);
    bytes += content.length;
    if (format === 'ndjson.gz') {
      await logs.write(`events/${file}.ndjson.gz`, gzipSync(content, { level: 1 }));
      continue;
    }
    await logs.write('events/.lines', content);
    await logs.query(
      `copy (from read_json('$logs/events/.lines', format = 'newline_delimited',
         sample_size = -1, maximum_object_size = 16777216))
       to '$logs/events/${file}.parquet' (format parquet, compression zstd)`,
    );
  }
  return bytes;
}

async function measure(events: number, format: Format): Promise<BenchLine> {
  const logs = await LogFixture.create();
  try {
    const bytes = await writeLogs(logs, events, format);
    const out = logs.lakeDir();
    const args = [...STAGE_FLAGS, '--import', 'tsx', INGEST, logs.logsDir, out];
    const { seconds, cpuSeconds, peakMb } = await runMeasured(process.execPath, args);
    return {
      figure: `ingest speed, ${format}`,
      value: Math.round(events / seconds),
      unit: 'events/s',
      target: '≥ 250,000 on 2 cores (NDJSON.gz)',
      data: `generated, ${FILES} files`,
      n: events,
      extra: {
        seconds: Number(seconds.toFixed(2)),
        cpuSeconds: Number(cpuSeconds.toFixed(2)),
        eventsPerCpuSecond: Math.round(events / cpuSeconds),
        bytesPerEvent: Math.round(bytes / events),
        peakMemoryMb: Math.round(peakMb),
      },
    };
  } finally {
    await logs.remove();
  }
}

export const bench: Bench = {
  name: 'ingest',
  describe: 'events a second to the lake [-- <events> <ndjson.gz or parquet>]',
  async run(args) {
    const events = Number(args[0] ?? 400_000);
    const formats = FORMATS.filter((format) => !args[1] || format === args[1]);
    const lines: BenchLine[] = [];
    for (const format of formats) lines.push(await measure(events, format));
    return lines;
  },
};
