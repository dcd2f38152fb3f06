/** Records of finished stages as text, the same in every store. */
import { z } from 'zod';
import type { StageRecord } from '../../lib/artifact.ts';

const recordSchema = z.object({
  key: z.string(),
  parts: z.object({
    stage: z.string(),
    code: z.string(),
    params: z.unknown(),
    inputs: z.record(z.string(), z.string()),
  }),
  ref: z.object({ uri: z.string(), sha256: z.string(), rows: z.number(), bytes: z.number() }),
  summary: z.record(z.string(), z.unknown()),
});

/** Undefined for a text that is no record: one that was cut off by a crash or altered is a miss. */
export function parseRecord(text: string): StageRecord | undefined {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(text));
    return parsed.success ? (parsed.data as StageRecord) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const recordText = (record: StageRecord): string => `${JSON.stringify(record, null, 2)}\n`;

/** A node or a key as the name of a file or an object. */
export const fileName = (node: string): string => node.replaceAll(/[^a-zA-Z0-9._-]/g, '_');
