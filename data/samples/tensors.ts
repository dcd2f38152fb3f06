/** What the features stage left: the fitted features, the vocabulary, and one sample's row of the tensors. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { FeatureSpec } from '../../device/features/spec.ts';
import { type CohortDays, readCohortDays } from '../../lib/cohorts.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import { SafetensorsFile } from '../../lib/safetensors.ts';
import { featureSpec } from '../contracts/feature-spec.ts';
import type { Vocabulary } from '../features/catalogue.ts';
import type { Found } from './find.ts';
import type { SampleReader } from './open.ts';

export interface Fitted {
  dir: string;
  spec: FeatureSpec;
  vocabulary: Vocabulary;
  cohorts: CohortDays;
}

const texts = z.array(z.string());
const vocabularySchema = z.object({ item: texts, category: texts, brand: texts, creator: texts });

/** @throws EdgeloomError `not-tensors` */
export async function openFitted(dir: string): Promise<Fitted> {
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(dir, name), 'utf8'));
  try {
    return {
      dir,
      spec: featureSpec.parse(await json('features.json')),
      vocabulary: vocabularySchema.parse(await json('vocabulary.json')),
      cohorts: await readCohortDays(dir),
    };
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'not-tensors',
        what: `The folder holds no tensors: ${(error as Error).message}`,
        where: dir,
        fix: 'run the features stage and give its output folder with --tensors',
        exitCode: 2,
      },
      { cause: error },
    );
  }
}

/** A tensor's row: shape without the first dimension, values row-major. */
export type TensorRow = Record<string, { shape: number[]; values: number[] }>;

export type Encoded = { row: number; file: string; tensors: TensorRow } | { why: string };

const SLATE = {
  folder: 'rerank',
  where: 'list_sum(label_exposed) > 0',
  order: 'user_key, decision_ts, slate_id, part',
  unless: 'nothing in it was exposed, so it has no label and is not encoded',
};

/** Which rows of a date become tensors, and in what order: as `rerank-rows.sql`, `decision-rows.sql`. */
const ENCODED = {
  rerank: SLATE,
  cohort: SLATE,
  decision: {
    folder: 'decisions',
    where: 'arm is not null and propensity is not null',
    order: 'user_key, decision_ts, sample_id',
    unless: 'its arm or its propensity is unknown, so it is not encoded',
  },
};

/** The row of a sample in the tensors, or why there is none. */
export async function encodedRow(
  { db }: SampleReader,
  { kind, row: { sample_id, user_key, date } }: Found,
  { dir }: Fitted,
): Promise<Encoded> {
  if (kind === 'video') return { why: 'the features stage makes no tensors of videos' };
  const { folder, where, order, unless } = ENCODED[kind];
  const file = `${folder}/${date}.safetensors`;
  const path = join(dir, file);
  if (!(await statIfThere(path)))
    return { why: `the tensors have no ${file}: its day is not encoded` };
  const found = await db.rows<{ n: number; total: number }>(
    `select n, total from (
       select sample_id, user_key, count(*) over ()::integer as total,
         (row_number() over (order by ${order}) - 1)::integer as n
       from ${kind} where date = $date::date and ${where})
     where sample_id = $sample and user_key = $user`,
    { date: date as string, sample: sample_id as string, user: user_key as string },
  );
  if (!found[0]) return { why: unless };
  const { n, total } = found[0];
  const { place } = await db.row<{ place: number }>(
    'select count(distinct user_key)::integer as place from user_day where user_key < $user',
    { user: user_key as string },
  );
  const tensors = await SafetensorsFile.open(path);
  try {
    const user = await tensors.read('user', n, n + 1);
    if (tensors.shape('user')[0] !== total || user.data[0] !== place) {
      return { why: `${file} was made of other samples: run the features stage on these` };
    }
    const row: TensorRow = {};
    for (const name of tensors.names()) {
      const { shape, data } = await tensors.read(name, n, n + 1);
      row[name] = { shape: shape.slice(1), values: [...data] };
    }
    return { row: n, file, tensors: row };
  } finally {
    await tensors.close();
  }
}
