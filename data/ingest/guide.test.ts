import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LogFixture } from './ingest-fixture.ts';

test('the example of the guide is a log that ingest takes whole', async () => {
  const guide = readFileSync(new URL('../../docs/guide/your-own-logs.md', import.meta.url), 'utf8');
  const blocks = [...guide.matchAll(/```(?:json|ndjson)\n([^`]*)```/g)].map((match) => match[1]!);
  const [dataset, events, items] = blocks;
  const logs = await LogFixture.create();
  try {
    await logs.write('dataset.json', dataset!);
    await logs.write('events/2026-03-02.ndjson', events!);
    await logs.write('tables/items.ndjson', items!);
    const summary = await logs.ingest({ maxRejectShare: 0 });
    expect(summary).toMatchObject({ rowsIn: 4, stored: 4, tables: { items: { stored: 2 } } });
    expect(summary.byDate).toEqual({ '2026-03-02': 4 });
  } finally {
    await logs.remove();
  }
});
