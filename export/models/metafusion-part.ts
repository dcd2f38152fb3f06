/** Makes the folder that the `fuse` stage wrote a part of a bundle. */
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/files.ts';
import { canonicalJson, sha256, sha256File } from '../../lib/hash.ts';
import { readMetaFusionConfig } from '../../models/metafusion/files.ts';
import { PART_FILE, type Part } from '../bundle/part.ts';

const MODEL = 'metafusion';

/** @returns the part's folder, under `outDir` */
export async function metafusionPart(fuseDir: string, outDir: string): Promise<string> {
  const source = join(fuseDir, MODEL);
  const config = await readMetaFusionConfig(source);
  const folder = join(outDir, MODEL);
  await mkdir(folder, { recursive: true });
  await cp(source, join(folder, MODEL), { recursive: true });
  const names = (await readdir(source)).sort();
  const hashes = await Promise.all(
    names.map(async (name) => [name, await sha256File(join(source, name))]),
  );
  const part: Part = {
    model: MODEL,
    version: `${MODEL}-${sha256(canonicalJson(hashes)).slice(0, 12)}`,
    entries: [],
    chosenProfile: config.profile,
    reasons: [
      config.profile === 'int8'
        ? 'ΔW ships as int8: it loses no more GAUC than allowed.'
        : 'ΔW ships as float32: int8 loses more GAUC than allowed.',
    ],
    minimumRuntimes: { tflite: '0.0.0', onnxOpset: 0 },
    files: names.map((name) => ({ path: `${MODEL}/${name}`, role: 'model', model: MODEL })),
  };
  await writeFileAtomic(join(folder, PART_FILE), `${JSON.stringify(part, null, 2)}\n`);
  return folder;
}
