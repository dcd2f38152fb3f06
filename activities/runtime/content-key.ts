/**
 * Content keys. Key = hash of (stage, code, parameters, hashes of the inputs); the code part covers
 * every module of ours that the stage can reach, its SQL files, and the versions of the packages it
 * imports. So a change to a helper three imports away makes the stage run again, and a change to a
 * stage it does not use does not.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ArtifactRef, Json, KeyParts, StageRecord } from '../../lib/artifact.ts';
import { listFiles } from '../../lib/files.ts';
import { canonicalJson, sha256 } from '../../lib/hash.ts';
import type { Stage } from './stage.ts';

const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

async function installedVersion(name: string): Promise<string> {
  const text = await readFile(join(projectRoot, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function assetFiles(asset: string): Promise<string[]> {
  const path = join(projectRoot, asset);
  if ((await stat(path)).isFile()) return [asset];
  return (await listFiles(path)).map((file) => `${asset}/${file}`);
}

/** Hash over the stage's module graph. Takes about 50 ms; cached for the life of the process. */
async function computeCodeHash(stage: Stage): Promise<string> {
  const { metafile } = await build({
    entryPoints: [fileURLToPath(stage.module)],
    absWorkingDir: projectRoot,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  const files = Object.keys(metafile.inputs);
  for (const asset of stage.assets ?? []) files.push(...(await assetFiles(asset)));
  const packages = new Set<string>();
  for (const input of Object.values(metafile.inputs)) {
    for (const { path, external } of input.imports) {
      if (external && !path.startsWith('node:')) packages.add(packageName(path));
    }
  }
  const hashes: [string, string][] = [];
  for (const file of files.sort()) {
    // Comments count too: a hash of text is simple and errs on the side of running.
    hashes.push([file, sha256(await readFile(join(projectRoot, file)))]);
  }
  const versions: [string, string][] = [];
  for (const name of [...packages].sort()) versions.push([name, await installedVersion(name)]);
  return sha256(canonicalJson({ hashes, versions }));
}

const codeHashes = new Map<string, Promise<string>>();

export function codeHash(stage: Stage): Promise<string> {
  let hash = codeHashes.get(stage.name);
  if (!hash) {
    hash = computeCodeHash(stage);
    codeHashes.set(stage.name, hash);
  }
  return hash;
}

/** The parts of a key, with parameters parsed and completed by the stage's schema. */
export async function keyParts(
  stage: Stage,
  params: unknown,
  inputs: Record<string, ArtifactRef>,
): Promise<KeyParts> {
  return {
    stage: stage.name,
    code: await codeHash(stage),
    params: stage.params.parse(params) as Json,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, ref]) => [name, ref.sha256])),
  };
}

export const keyOf = (parts: KeyParts): string => sha256(canonicalJson(parts));

/** Why a stage has to run, told from what its node left last time. */
export function explainMiss(parts: KeyParts, last: StageRecord | undefined): string {
  if (!last) return 'has not run here before';
  const reasons: string[] = [];
  for (const [name, hash] of Object.entries(parts.inputs)) {
    if (last.parts.inputs[name] !== hash) reasons.push(`input ${name} changed`);
  }
  for (const name of Object.keys(last.parts.inputs)) {
    if (!(name in parts.inputs)) reasons.push(`input ${name} is gone`);
  }
  if (last.parts.code !== parts.code) reasons.push('its code changed');
  reasons.push(...changedParams(last.parts.params, parts.params));
  return reasons.length > 0 ? reasons.join(', ') : 'its artifact is missing or damaged';
}

function changedParams(before: Json, after: Json, path = ''): string[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  const isObject = (value: Json): value is { [key: string]: Json } =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) =>
      changedParams(before[name] ?? null, after[name] ?? null, path ? `${path}.${name}` : name),
    );
  }
  const show = (value: Json): string => JSON.stringify(value).slice(0, 60);
  return [`parameter ${path} changed from ${show(before)} to ${show(after)}`];
}
