/**
 * A part is what an export stage hands to the bundle: a folder with `part.json` and files at the
 * paths that they will have in the bundle.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import { bundleFileSchema } from './manifest.ts';

export const PART_FILE = 'part.json';

const fileMark = bundleFileSchema.omit({ sha256: true, bytes: true });

export const partSchema = z.strictObject({
  model: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  version: z.string().min(1),
  entries: z.array(z.string()),
  chosenProfile: z.string(),
  reasons: z.array(z.string()),
  minimumRuntimes: z.strictObject({ tflite: z.string(), onnxOpset: z.int().nonnegative() }),
  files: z.array(fileMark).describe('What ships. Other files of the folder stay behind.'),
});

export type Part = z.infer<typeof partSchema>;
export type PartFile = z.infer<typeof fileMark>;

/** @throws EdgeloomError `bad-part` when the folder has no valid `part.json` */
export async function readPart(folder: string): Promise<Part> {
  try {
    return partSchema.parse(JSON.parse(await readFile(join(folder, PART_FILE), 'utf8')));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-part',
        what: `An export folder cannot be bundled: ${(error as Error).message}`,
        where: join(folder, PART_FILE),
        fix: 'run the export stage again',
      },
      { cause: error },
    );
  }
}
