/** What a stage is: a pure function from input folders and parameters to one output folder. */
import type { z } from 'zod';
import type { ErasedUsers } from '../../data/privacy/erased-users.ts';
import type { ArtifactRef, Summary } from '../../lib/artifact.ts';
import { EdgeloomError, type Problem } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { Former } from './former.ts';

export interface StageContext extends RunOptions {
  /** Input name → local folder, read-only. */
  inputs: Record<string, string>;
  /** The folder to make; does not exist yet. */
  outDir: string;
  /** Survives failed attempts of the same content key: checkpoints. */
  scratchDir: string;
  /** Secrets and places of this machine; never part of a content key. */
  machine: Machine;
  /** The caller wants all work done anew. */
  force?: boolean;
  /**
   * What this node left last, from other inputs. The result may be made faster by it, or told about it
   * in the summary; its bytes may not depend on it.
   */
  former?: () => Promise<Former | undefined>;
}

/** What a worker's machine offers to stages. */
export interface Machine {
  /** The pipeline's folder on this machine. */
  workspace: string;
  /** Secret bytes behind a key id (`ingest` hashes user ids with it). */
  userKey(id: string): Promise<Uint8Array>;
  /** Users that were erased, as that key names them; undefined when there are none. */
  erasedUsers(id: string): Promise<ErasedUsers | undefined>;
  /** Repository that releases are published to. */
  releaseDir: string;
  /** What DuckDB, or the merge of stitching, may use in one stage, MB: a worker's limit, divided by its slots. */
  memoryLimitMb?: number;
}

export interface StageOutput {
  rows: number;
  summary: Summary;
}

export interface Stage<P = unknown> {
  /** Kebab-case, also the name on the command line. */
  name: string;
  /** One line for `edgeloom stage --help`. */
  describe: string;
  /** Names of the inputs it reads; a name that ends in `?` may be absent, in `*` may repeat. */
  inputs: string[];
  params: z.ZodType<P>;
  /** Folders or files besides the module graph that decide the result, e.g. `data/sql`. */
  assets?: string[];
  /** `import.meta.url` of the file that defines the stage: the root of its module graph. */
  module: string;
  /** False for stages whose effect lies outside the store (a release). Default true. */
  cached?: boolean;
  /** For what lies outside the store (a log folder): reads it and refers to it in place, with its hash. */
  external?: (params: P, options: RunOptions) => Promise<{ ref: ArtifactRef; summary: Summary }>;
  run(context: StageContext, params: P): Promise<StageOutput>;
  /** Says when a result that was made, or made earlier, must not be built upon. It is kept all the same. */
  gate?: (result: { ref: ArtifactRef; summary: Summary }) => Problem | undefined;
  /** A few words on a result, for the board and the plan; of one that was made now or `reused`. */
  tell?: (summary: Summary, reused: boolean) => string | undefined;
  /** The result for a person at a terminal, from its folder. Default: the summary as JSON. */
  present?: (folder: string) => Promise<string>;
}

/** @throws EdgeloomError what the stage's gate says of the result */
export function passGate(stage: Stage, result: { ref: ArtifactRef; summary: Summary }): void {
  const problem = stage.gate?.(result);
  if (problem) throw new EdgeloomError(problem);
}

/** Types a stage; the object is returned as it is. */
export function defineStage<P>(stage: Stage<P>): Stage<P> {
  return stage;
}
