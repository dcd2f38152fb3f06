/**
 * `group.json`: what a group of stitched buckets was made of, by content, so that the join can check that
 * the groups fit and a later run can tell what changed. It says nothing of how or when it was made.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../../lib/errors.ts';
import { writeFileAtomic } from '../../../lib/files.ts';
import { canonicalJson } from '../../../lib/hash.ts';
import { emptyCounts } from '../counts.ts';
import type { LogFacts } from '../part.ts';

const NAME = 'group.json';
const hashes = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));
const countNames = Object.keys(emptyCounts()) as (keyof ReturnType<typeof emptyCounts>)[];

const bucketFile = z.strictObject({
  /** Event files of the lake that were read: path in the lake → SHA-256. */
  lake: hashes,
  /** Files of the group: path in its folder → SHA-256. */
  files: hashes,
  counts: z.record(z.enum(countNames), z.number()),
  /** Users of each part, from the first to the last by key. */
  parts: z.array(z.strictObject({ first: z.string(), last: z.string() })),
});

const groupFile = z.strictObject({
  /** Lengths and limits: equal texts, equal rules. */
  settings: z.string(),
  /** Hash of the undated history, which all users share. */
  history: z.string(),
  facts: z.strictObject({
    hasPageView: z.boolean(),
    hasPlay: z.boolean(),
    hasFeedback: z.boolean(),
    hasOrder: z.boolean(),
    namedBlocks: z.array(z.int()),
    logEnd: z.number(),
    windows: z.strictObject({
      labelWindowMs: z.number(),
      exposureWindowMs: z.number(),
      decisionWindowMs: z.number(),
      latenessMs: z.number(),
    }),
  }),
  buckets: z.record(z.string(), bucketFile),
});

export type BucketFile = z.infer<typeof bucketFile>;
export type GroupFile = z.infer<typeof groupFile>;

export const factsAsJson = ({ namedBlocks, ...facts }: LogFacts): GroupFile['facts'] => ({
  ...facts,
  namedBlocks: [...namedBlocks].sort((a, b) => a - b),
});

/** @throws EdgeloomError `not-a-group` */
export async function readGroup(folder: string): Promise<GroupFile> {
  try {
    return groupFile.parse(JSON.parse(await readFile(join(folder, NAME), 'utf8')));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'not-a-group',
        what: `The folder holds no group of stitched buckets: ${(error as Error).message}`,
        where: folder,
        fix: 'run the stitch-group stage and give its output folder',
      },
      { cause: error },
    );
  }
}

export const writeGroup = (folder: string, group: GroupFile): Promise<void> =>
  writeFileAtomic(join(folder, NAME), `${canonicalJson(group)}\n`);
