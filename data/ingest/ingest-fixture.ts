/** Log folders, and a look into the lake, for tests and benches. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DatasetDescription } from '../contracts/dataset.ts';
import type { DeviceEvent } from '../contracts/device-log.ts';
import { EXAMPLE_EVENTS } from '../contracts/example-events.ts';
import { DuckDb, sqlText } from '../duckdb.ts';
import type { IngestSummary } from './account.ts';
import { ingest } from './ingest.ts';
import type { IngestOptions } from './options.ts';
import type { Reject } from './rejects.ts';

export const TEST_USER_KEY = Buffer.from('a key of thirty-two bytes for it');

export const TEST_DATASET: DatasetDescription = {
  name: 'test',
  kind: 'device',
  notes: [],
  utc_offset_minutes: 0,
  first_date: '2026-03-02',
  last_date: '2026-03-02',
};

/** The example exposure with another id, and whatever else is given. */
export const exposureLine = (id: string, changes: Record<string, unknown> = {}): string =>
  JSON.stringify({ ...EXAMPLE_EVENTS.exposure, event_id: id, ...changes });

export const linesOf = (events: readonly DeviceEvent[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');

export class LogFixture {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async create(dataset: Partial<DatasetDescription> = {}): Promise<LogFixture> {
    const fixture = new LogFixture(await mkdtemp(join(tmpdir(), 'edgeloom-ingest-')));
    await fixture.write('dataset.json', JSON.stringify({ ...TEST_DATASET, ...dataset }));
    return fixture;
  }

  get logsDir(): string {
    return join(this.root, 'logs');
  }

  lakeDir(name = 'lake'): string {
    return join(this.root, name);
  }

  async write(path: string, data: string | Uint8Array): Promise<void> {
    const target = join(this.logsDir, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, data);
  }

  /** Ingests; every share of rejects is allowed unless told otherwise. */
  ingest(options: Partial<IngestOptions> = {}, lake = 'lake'): Promise<IngestSummary> {
    return ingest({
      logsDir: this.logsDir,
      outDir: this.lakeDir(lake),
      userKey: TEST_USER_KEY,
      maxRejectShare: 1,
      ...options,
    });
  }

  async rejects(lake = 'lake'): Promise<Reject[]> {
    const text = await readFile(join(this.lakeDir(lake), 'rejects.ndjson'), 'utf8');
    return text.split('\n').flatMap((line) => (line ? [JSON.parse(line) as Reject] : []));
  }

  /** `where:reason` of every reject, the way a person would look for them. */
  async rejectedAt(lake = 'lake'): Promise<string[]> {
    return (await this.rejects(lake)).map(({ file, line, reason }) => `${file}:${line} ${reason}`);
  }

  /** Rows of a statement in which `$lake` and `$logs` stand for the folders. */
  async query<T extends object>(sql: string, lake = 'lake'): Promise<T[]> {
    const db = await DuckDb.open({ tempDir: join(this.root, 'spill') });
    try {
      const inner = (path: string): string => sqlText(path).slice(1, -1);
      return await db.rows<T>(
        sql.replaceAll('$lake', inner(this.lakeDir(lake))).replaceAll('$logs', inner(this.logsDir)),
      );
    } finally {
      db.close();
    }
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
