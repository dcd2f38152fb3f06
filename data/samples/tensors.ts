/** What the features stage left: the fitted features, the vocabulary, and one sample's row of the tensors. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { FeatureSpec } from '../../device/features/spec.ts';
import { type CohortDays, readCohortDays } from '../../lib/cohorts.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere } from '../../lib/files.ts';
import { type NamedTensor, SafetensorsFile } from '../../lib/safetensors.ts';
import { featureSpec } from '../contracts/feature-spec.ts';
import type { Vocabulary } from '../features/catalogue.ts';
import { USER_COLUMN } from '../features/declared/layout.ts';
import { ENCODED_ROWS } from '../features/encoded-rows.ts';
import type { FeaturedSample } from './find.ts';
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

export type Encoded =
  | {
      row: number;
      /** Of the features that the models read; of videos, of the declared features. */
      file: string;
      tensors: TensorRow;
      /** One row of the declared features. */
      declared: Record<string, NamedTensor>;
    }
  | { why: string };

/** The row of a sample in the tensors, or why there is none. */
export async function encodedRow(
  { db }: SampleReader,
  { kind, row: { sample_id, user_key, date } }: FeaturedSample,
  { dir }: Fitted,
): Promise<Encoded> {
  const { folder, where, order, unless } = ENCODED_ROWS[kind];
  const declaredFile = `declared/${folder}/${date}.safetensors`;
  const file = kind === 'video' ? declaredFile : `${folder}/${date}.safetensors`;
  if (!(await statIfThere(join(dir, file))))
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
  const declared = await rowOf(join(dir, declaredFile), n, { column: USER_COLUMN, place, total });
  const own =
    kind === 'video' ? {} : await rowOf(join(dir, file), n, { column: 'user', place, total });
  if (!declared || !own) {
    return { why: `${file} was made of other samples: run the features stage on these` };
  }
  const tensors = Object.entries(own).map(
    ([name, { shape, data }]): [string, TensorRow[string]] => [
      name,
      { shape: shape.slice(1), values: [...data] },
    ],
  );
  return { row: n, file, tensors: Object.fromEntries(tensors), declared };
}

/** One row of a file, or nothing when the file has other rows: their number and the user must fit. */
async function rowOf(
  path: string,
  n: number,
  { column, place, total }: { column: string; place: number; total: number },
): Promise<Record<string, NamedTensor> | undefined> {
  const file = await SafetensorsFile.open(path);
  try {
    const user = await file.read(column, n, n + 1);
    if (file.shape(column)[0] !== total || user.data[0] !== place) return undefined;
    const row: Record<string, NamedTensor> = {};
    for (const name of file.names()) row[name] = await file.read(name, n, n + 1);
    return row;
  } finally {
    await file.close();
  }
}
