/** A big file and many small ones through the store in a bucket on loopback: CPU and memory. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineStore, newBucket } from '../infra/store/test-s3.ts';
import { startVersitygw, versitygwOrReason } from '../infra/versitygw/index.ts';
import type { ArtifactRef, Store } from '../lib/artifact.ts';
import { EdgeloomError } from '../lib/errors.ts';
import type { Bench } from './types.ts';

const MEBIBYTE = 2 ** 20;
const BIG_MIB = 512;
const SMALL_FILES = 500;
const SMALL_BYTES = 8_192;

async function stageFiles(store: Store): Promise<string> {
  const folder = await store.staging();
  await mkdir(folder);
  const big = await open(join(folder, 'big'), 'w');
  for (let i = 0; i < BIG_MIB; i += 1) await big.write(randomBytes(MEBIBYTE));
  await big.close();
  for (let i = 0; i < SMALL_FILES; i += 1) {
    await writeFile(join(folder, `small-${i}`), randomBytes(SMALL_BYTES));
  }
  return folder;
}

/** Seconds on the clock, CPU seconds of this process, MiB by which its peak memory grew. */
async function measured(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = process.resourceUsage().maxRSS;
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - started) / 1e3,
    cpuSeconds: (user + system) / 1e6,
    peakGrewMiB: (process.resourceUsage().maxRSS - before) / 1024,
  };
}

export const bench: Bench = {
  name: 'store',
  describe: `${BIG_MIB} MiB and ${SMALL_FILES} small files into and out of an S3 server on loopback`,
  async run() {
    const found = await versitygwOrReason();
    if ('reason' in found) {
      throw new EdgeloomError({ code: 'no-s3-server', what: found.reason, exitCode: 3 });
    }
    const root = await mkdtemp(join(tmpdir(), 'edgeloom-store-bench-'));
    const server = await startVersitygw(found.binary, join(root, 'server'));
    try {
      const bucket = await newBucket(server);
      const here = machineStore(bucket, join(root, 'here'));
      const there = machineStore(bucket, join(root, 'there'));
      const folder = await stageFiles(here);
      const line = { unit: 'MiB of memory', target: '≤ 200', data: 'random bytes', n: 1 };
      const refs: ArtifactRef[] = [];
      const put = await measured(async () => refs.push(await here.put(folder, 1)));
      const ref = refs[0]!;
      const verify = await measured(() => here.verify(ref));
      const open = await measured(() => there.open(ref));
      return Object.entries({ put, verify, open }).map(([figure, extra]) => ({
        ...line,
        figure: `store: ${figure}`,
        value: Math.round(extra.peakGrewMiB ?? 0),
        extra,
      }));
    } finally {
      await server.stop();
      await rm(root, { recursive: true, force: true });
    }
  },
};
