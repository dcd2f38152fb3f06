/** Stage `join-samples`: groups of stitched buckets → the samples, and which dates have a new revision. */
import { joinGroups } from '../data/stitch/groups/join-groups.ts';
import { type Revisions, revisionsOf, tellRevisions } from '../data/stitch/groups/revisions.ts';
import type { Summary } from '../lib/artifact.ts';
import type { Former } from './runtime/former.ts';
import { defineStage } from './runtime/stage.ts';
import { stitchParams } from './runtime/stitch-params.ts';

const GROUP = 'group-';

const groupDirs = (inputs: Record<string, string>): string[] =>
  Object.entries(inputs)
    .filter(([name]) => name.startsWith(GROUP))
    .map(([, folder]) => folder);

/** The samples before, and what they were made of as far as that is still there. */
async function before(former: Former | undefined) {
  if (!former) return undefined;
  const opened: Record<string, string> = {};
  for (const name of Object.keys(former.inputs)) {
    const folder = name.startsWith(GROUP) ? await former.input(name) : undefined;
    if (folder) opened[name] = folder;
  }
  return {
    sha256: former.ref.sha256,
    samplesDir: former.dir,
    groupDirs: groupDirs(opened),
    revisions: former.summary.revisions as unknown as Revisions | undefined,
    because: [
      ...(former.sameCode ? [] : ['the code of stitching']),
      ...(former.sameParams ? [] : ['parameters of stitching']),
    ],
  };
}

export const joinSamples = defineStage({
  name: 'join-samples',
  describe: 'join groups of stitched buckets into the samples; tells which dates changed',
  inputs: ['lake', `${GROUP}*`],
  params: stitchParams,
  assets: ['data/sql'],
  module: import.meta.url,
  async run({ inputs, outDir, machine, former, signal, onProgress }, params) {
    const { memoryLimitMb } = machine;
    onProgress?.({ message: 'joining the groups' });
    const groups = groupDirs(inputs);
    const summary = await joinGroups({
      ...params,
      ...(memoryLimitMb === undefined ? {} : { memoryLimitMb }),
      lakeDir: inputs.lake!,
      groupDirs: groups,
      outDir,
      signal,
      onProgress,
    });
    const revisions = await revisionsOf(
      { samplesDir: outDir, groupDirs: groups },
      await before(await former?.()),
    );
    return { rows: summary.slates, summary: { ...summary, revisions } as unknown as Summary };
  },
  tell: ({ revisions }) => tellRevisions(revisions as unknown as Revisions),
});
