/** What a node left last: a stage may take over what did not change since, or tell what did. */
import type { ArtifactRef, KeyParts, Store, Summary } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { canonicalJson } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';

export interface Former {
  ref: ArtifactRef;
  summary: Summary;
  /** Its local folder, read-only; its bytes were compared with its hash. */
  dir: string;
  sameCode: boolean;
  sameParams: boolean;
  /** Input name → content hash. */
  inputs: Readonly<Record<string, string>>;
  /** The local folder of one of its inputs; undefined when that is gone. */
  input(name: string): Promise<string | undefined>;
}

/** Undefined when the node has left nothing, or it is gone or damaged. */
export async function formerOf(
  store: Store,
  node: string,
  parts: KeyParts,
  options: RunOptions,
): Promise<Former | undefined> {
  const last = await store.latestRecord(node);
  if (!last || last.parts.stage !== parts.stage) return undefined;
  if (!(await store.verify(last.ref, options))) return undefined;
  const { ref, summary } = last;
  const { inputs } = last.parts;
  return {
    ref,
    summary,
    dir: await store.open(ref, options),
    sameCode: last.parts.code === parts.code,
    sameParams: canonicalJson(last.parts.params) === canonicalJson(parts.params),
    inputs,
    async input(name) {
      const sha256 = inputs[name];
      if (!sha256) return undefined;
      const input = { uri: sha256, sha256, rows: 0, bytes: 0 };
      try {
        // Bytes that were changed would be taken for the ones that the result was made of.
        return (await store.verify(input, options)) ? await store.open(input, options) : undefined;
      } catch (error) {
        if (error instanceof EdgeloomError && error.code === 'artifact-missing') return undefined;
        throw error;
      }
    },
  };
}
