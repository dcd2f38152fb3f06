/** Frozen worlds: full sets of parameters in `worlds/*.json`, named by the SHA-256 of their bytes. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { EdgeloomError } from '../lib/errors.ts';
import { sha256 } from '../lib/hash.ts';
import { changedNames, type WorldParams, worldParams } from './params.ts';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'worlds');

const worldFile = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  about: z.string().max(400),
  params: worldParams,
});

/** A world read from a file. */
export interface NamedWorld {
  name: string;
  about: string;
  /** Of the file's bytes. */
  sha256: string;
  params: WorldParams;
}

/** Where the parameters of a log come from, as its description and its truth tell. */
export interface WorldOrigin {
  name: string;
  /** Of the world's file. */
  sha256: string;
  /** Names of the parameters that differ from the file's. */
  changed: string[];
}

export function originOf({ name, sha256, params }: NamedWorld, played: WorldParams): WorldOrigin {
  return { name, sha256, changed: changedNames(params, played) };
}

/** Names of the frozen worlds. */
export function frozenWorlds(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/**
 * Reads a world.
 * @param source name of a frozen world, or path of a JSON file `{ name, about, params }`; what its
 *   `params` leave out is as in the world `default`
 * @throws EdgeloomError `no-world`, `bad-world`
 */
export function readWorld(source: string): NamedWorld {
  const isPath = source.endsWith('.json');
  if (!isPath && !frozenWorlds().includes(source)) {
    throw new EdgeloomError({
      code: 'no-world',
      what: `There is no world "${source}"`,
      fix: `name one of ${frozenWorlds().join(', ')}, or a file that ends in .json`,
      exitCode: 2,
    });
  }
  const path = isPath ? source : join(FOLDER, `${source}.json`);
  const text = readFileSync(path, 'utf8');
  return { ...parseWorld(text, path), sha256: sha256(text) };
}

function parseWorld(text: string, path: string): z.infer<typeof worldFile> {
  try {
    return worldFile.parse(JSON.parse(text));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    throw new EdgeloomError(
      {
        code: 'bad-world',
        what: `The file is no world: ${issue?.message ?? (error as Error).message}`,
        where: [path, ...(issue?.path ?? [])].join(' '),
        fix: 'see simulator/params.ts for names and ranges; edgeloom simulate --print writes a whole file',
        exitCode: 2,
      },
      { cause: error },
    );
  }
}

/** Text of a world's file, every parameter written out. */
export function worldText({ name, about, params }: Omit<NamedWorld, 'sha256'>): string {
  return `${JSON.stringify({ name, about, params }, null, 2)}\n`;
}
