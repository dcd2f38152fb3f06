/** Events a second from NDJSON.gz to the lake. */
import { gzipSync } from 'node:zlib';
import { EXAMPLE_EVENTS } from '../data/contracts/example-events.ts';
import { LogFixture } from '../data/ingest/ingest-fixture.ts';
import { Random } from '../lib/random.ts';
import type { Bench } from './types.ts';

const FILES = 4;
const CANDIDATES = 50;

/** What a phone writes most: exposures, then page views; a request with 50 candidates each page. */
function line(i: number, random: Random): string {
  const user = random.below(5_000);
  const envelope = {
    event_id: `e-${i.toString(36).padStart(12, '0')}`,
    user_id: `user-${user}`,
    device_id: `phone-${user}`,
    session_id: `session-${user}-${i >> 8}`,
    request_id: `r-${i >> 5}`,
    ts: EXAMPLE_EVENTS.exposure.ts + 10 * i,
    received_ts: EXAMPLE_EVENTS.exposure.ts + 10 * i + 300,
  };
  const item_id = `item-${random.below(20_000)}`;
  if (i % 32 === 0) {
    const candidates = Array.from({ length: CANDIDATES }, (_, position) => ({
      item_id: `item-${random.below(20_000)}`,
      position,
      scores: { ctr: random.uniform() },
    }));
    return JSON.stringify({ ...EXAMPLE_EVENTS.request, ...envelope, candidates });
  }
  const event = i % 6 === 0 ? EXAMPLE_EVENTS.page_view : EXAMPLE_EVENTS.exposure;
  return JSON.stringify({ ...event, ...envelope, item_id });
}

export const bench: Bench = {
  name: 'ingest',
  describe: 'events a second from NDJSON.gz to the lake [-- <events>]',
  async run(args) {
    const events = Number(args[0] ?? 400_000);
    const random = Random.of(1, 'ingest bench');
    const logs = await LogFixture.create();
    try {
      for (let file = 0; file < FILES; file++) {
        const from = Math.floor((file * events) / FILES);
        const to = Math.floor(((file + 1) * events) / FILES);
        const lines = Array.from({ length: to - from }, (_, i) => line(from + i, random));
        await logs.write(`events/${file}.ndjson.gz`, gzipSync(`${lines.join('\n')}\n`));
      }
      const cpu = process.cpuUsage();
      const start = performance.now();
      const { stored } = await logs.ingest();
      const seconds = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      const cpuSeconds = (user + system) / 1e6;
      return {
        figure: 'ingest speed',
        value: Math.round(stored / seconds),
        unit: 'events/s',
        target: '≥ 100,000',
        data: `generated NDJSON.gz, ${FILES} files`,
        n: stored,
        extra: {
          seconds: Number(seconds.toFixed(2)),
          eventsPerCpuSecond: Math.round(stored / cpuSeconds),
          peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
        },
      };
    } finally {
      await logs.remove();
    }
  },
};
