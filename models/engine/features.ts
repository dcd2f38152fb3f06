/**
 * What training reads of `features.json`: the sizes that the shapes of models follow from.
 * The file says more (boundaries, means, values); that is for whoever computes inputs.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import { featureSizes } from '../../lib/feature-sizes.ts';

const size = z.int().min(1);
const group = z.array(z.looseObject({ name: z.string(), offset: z.int(), size }));

const features = z.looseObject({
  version: z.literal(2),
  trainDates: z.array(z.string()).min(1),
  items: z.looseObject({ fields: z.array(z.looseObject({ name: z.string(), size })).min(1) }),
  actions: z.looseObject({ exposure: group, page_view: group }),
  dense: z.array(z.looseObject({ name: z.string() })),
  context: group,
  decisionContext: group,
  sizes: featureSizes,
  scenes: z.array(z.string()),
});
export type Features = z.infer<typeof features>;

/** @throws EdgeloomError `bad-features` when the file is missing or not a spec of version 2 */
export async function readFeatures(tensorsDir: string): Promise<Features> {
  const path = join(tensorsDir, 'features.json');
  try {
    return features.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-features',
        what: 'The tensors folder has no readable features.json of version 2',
        where: path,
        fix: 'run the features stage again',
      },
      { cause: error },
    );
  }
}
