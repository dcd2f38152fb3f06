/** Runs one stage against a store: look up, run, keep. The same code serves Temporal and `edgeloom stage`. */
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { ArtifactRef, StageRecord, Store, Summary } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { hashFolder } from '../../lib/hash-folder.ts';
import { withLock } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { explainMiss, keyOf, keyParts } from './content-key.ts';
import { formerOf } from './former.ts';
import type { Machine, Stage } from './stage.ts';

/** How the URI of a folder begins that is read where it is, outside the store. */
const IN_PLACE = 'file:';

export interface StageInput {
  /** The node of the DAG: the stage's name, with a suffix where a stage runs more than once. */
  node: string;
  params: unknown;
  inputs: Record<string, ArtifactRef>;
}

export interface StageResult {
  node: string;
  key: string;
  ref: ArtifactRef;
  summary: Summary;
  reused: boolean;
  /** Why it was reused or had to run. */
  reason: string;
  /** What the stage says of the result in a few words. */
  told?: string;
}

export type LookUp =
  | { hit: true; key: string; record: StageRecord; reason: string }
  | { hit: false; key: string; reason: string };

/** Is there a result for these inputs, parameters and code? A hit's bytes are checked against their hash. */
export async function lookUp(
  store: Store,
  stage: Stage,
  input: StageInput,
  options: RunOptions = {},
): Promise<LookUp> {
  const parts = await keyParts(stage, parseable(stage, input), input.inputs);
  const key = keyOf(parts);
  if (stage.external) {
    const { ref, summary } = await stage.external(stage.params.parse(input.params), options);
    const record = {
      key: keyOf({ ...parts, inputs: { outside: ref.sha256 } }),
      parts,
      ref,
      summary,
    };
    return { hit: true, key, record, reason: 'read where it is' };
  }
  if (stage.cached === false)
    return { hit: false, key, reason: 'always runs: its effect lies outside the store' };
  const record = await store.readRecord(key);
  if (record && (await store.verify(record.ref, options))) {
    return { hit: true, key, record, reason: 'same inputs, parameters and code' };
  }
  return { hit: false, key, reason: explainMiss(parts, await store.latestRecord(input.node)) };
}

function parseable(stage: Stage, input: StageInput): unknown {
  const parsed = stage.params.safeParse(input.params);
  if (!parsed.success) {
    throw new EdgeloomError({
      code: 'bad-parameters',
      what: `Stage ${stage.name} was given parameters that do not fit: ${z.prettifyError(parsed.error)}`,
      where: input.node,
      fix: `see edgeloom stage ${stage.name} --help`,
      exitCode: 2,
    });
  }
  for (const name of stage.inputs) {
    if (!name.endsWith('?') && !name.endsWith('*') && !(name in input.inputs)) {
      throw new EdgeloomError({
        code: 'missing-input',
        what: `Stage ${stage.name} needs the input ${name}`,
        where: input.node,
        fix: `give it with --input ${name}=<sha256 or folder>`,
        exitCode: 2,
      });
    }
  }
  return parsed.data;
}

/** Runs the stage unless its result exists. A failed run leaves nothing but its scratch folder. */
export async function runStage(
  store: Store,
  machine: Machine,
  stage: Stage,
  input: StageInput,
  options: RunOptions & { force?: boolean } = {},
): Promise<StageResult> {
  const found = await lookUp(store, stage, input, options);
  if (found.hit && (stage.external || !options.force))
    return reusedResult(stage, input, found.record, found.reason);
  const reason = found.hit ? 'forced' : found.reason;

  const work = async (): Promise<StageResult> => {
    // Whoever held the lock may have finished the work meanwhile.
    const meanwhile = options.force ? undefined : await lookUp(store, stage, input, options);
    if (meanwhile?.hit)
      return reusedResult(stage, input, meanwhile.record, 'finished by another process');
    return execute(store, machine, stage, input, { ...found, reason }, options);
  };
  // A worker that died may have left a process that still works on this key: wait for its end.
  const lock = `${await store.scratch(found.key)}.lock`;
  return withLock(lock, work, {
    signal: options.signal,
    onWait: (pid) =>
      options.onProgress?.({ message: `waiting for process ${pid}, which works on the same` }),
  });
}

async function execute(
  store: Store,
  machine: Machine,
  stage: Stage,
  input: StageInput,
  { key, reason }: { key: string; reason: string },
  options: RunOptions & { force?: boolean },
): Promise<StageResult> {
  const params = stage.params.parse(input.params);
  const parts = await keyParts(stage, params, input.inputs);
  const inputs: Record<string, string> = {};
  for (const [name, ref] of Object.entries(input.inputs)) {
    inputs[name] = ref.uri.startsWith(IN_PLACE)
      ? ref.uri.slice(IN_PLACE.length)
      : await store.open(ref, options);
  }
  const scratchDir = await store.scratch(key);
  await store.restoreScratch(key, options);
  const outDir = await store.staging();
  try {
    const former = () => formerOf(store, input.node, parts, options);
    const context = { ...options, inputs, outDir, scratchDir, machine, former };
    const { rows, summary } = await savingScratch(store, key, options, () =>
      stage.run(context, params),
    );
    await refuseChangedInputs(input, options.signal);
    const ref = await store.put(outDir, rows, options);
    await store.writeRecord(input.node, { key, parts, ref, summary });
    await store.dropScratch(key);
    const { node } = input;
    return { node, key, ref, summary, reused: false, reason, ...told(stage, summary, false) };
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

const SAVE_EVERY_MS = 30_000;

/** Saves checkpoints while `work` goes on and once more when it fails, for an attempt elsewhere. */
async function savingScratch<T>(
  store: Store,
  key: string,
  options: RunOptions,
  work: () => Promise<T>,
): Promise<T> {
  const save = async (): Promise<void> => {
    try {
      await store.saveScratch(key);
    } catch (error) {
      // Without it another machine starts further back: no reason to end the work here.
      const message = error instanceof Error ? error.message : String(error);
      options.onProgress?.({ message: `a checkpoint was not saved: ${message}` });
    }
  };
  let saving = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    saving = save().finally(() => {
      busy = false;
    });
  }, SAVE_EVERY_MS);
  try {
    return await work();
  } catch (error) {
    await saving;
    await save();
    throw error;
  } finally {
    clearInterval(timer);
    await saving;
  }
}

/**
 * What is read in place may grow while it is read (a shipper appends to today's file). The result
 * would then be kept under the key of other bytes.
 */
async function refuseChangedInputs(input: StageInput, signal?: AbortSignal): Promise<void> {
  for (const [name, { uri, sha256 }] of Object.entries(input.inputs)) {
    if (!uri.startsWith(IN_PLACE)) continue;
    const folder = uri.slice(IN_PLACE.length);
    if ((await hashFolder(folder, signal)).sha256 === sha256) continue;
    throw new EdgeloomError({
      code: 'input-changed',
      what: `The ${name} of ${input.node} changed while it was read`,
      where: folder,
      fix: 'run again when nothing writes there, or on a copy',
    });
  }
}

/** What the stage says of a result, as a part of it. */
function told(stage: Stage, summary: Summary, reused: boolean): { told?: string } {
  const words = stage.tell?.(summary, reused);
  return words ? { told: words } : {};
}

export function reusedResult(
  stage: Stage,
  input: StageInput,
  record: StageRecord,
  reason: string,
): StageResult {
  const { key, ref, summary } = record;
  const { node } = input;
  return { node, key, ref, summary, reused: true, reason, ...told(stage, summary, true) };
}
