/** Events that stitching left out of the samples because their user had too many: counted, and told. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Measure } from './result.ts';

const stitchSummary = z.looseObject({
  usersCapped: z.int().default(0),
  eventsCapped: z.int().default(0),
});

export interface Capped {
  /** Users with more events than `maxUserEvents`. */
  users: number;
  /** The oldest events of these, which are in no sample. */
  events: number;
}

/** As the samples' `summary.json` has it; nothing in a folder without one. */
export async function readCapped(samplesDir: string): Promise<Capped> {
  try {
    const text = await readFile(join(samplesDir, 'summary.json'), 'utf8');
    const { usersCapped: users, eventsCapped: events } = stitchSummary.parse(JSON.parse(text));
    return { users, events };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { users: 0, events: 0 };
    throw error;
  }
}

/** All days of the samples together. */
export function measureCapped({ users, events }: Capped): Measure {
  return {
    check: 'capped/samples',
    table: 'samples',
    column: null,
    limits: { warn: 0 },
    value: events,
    rows: events,
    what: `the oldest ${events.toLocaleString('en')} events of ${users.toLocaleString('en')} users are in no sample: each had more than stitching takes of one`,
    where: 'the lake, all days',
    mend: 'leave machines out of the logs, or raise maxUserEvents in the section stitch of the settings',
    numbers: { users },
    // A user with so many events might be known by them.
    examples: async () => [],
  };
}
