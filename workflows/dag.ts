/**
 * The daily DAG as one pure function: which stage reads what. It knows names, dates and references
 * only, so the workflow, `edgeloom plan` and tests all carry out this same code.
 *
 *   logs ─► ingest ─► stitch-group³ ─► stitch ─► check-data¹ ─► features ─┐
 *   ┌──────────────────────────────────────────────────────────────────────┘
 *   ├─ train-reranker, train-dnn ─► evaluate-reranker, export-reranker ────┐
 *   ├─ train-uplift² ─► evaluate-uplift ─► export-uplift ──────────────────┼─► bundle ─► release
 *   └─ train-meta ─► cohorts ─► fine-tune (by cohorts) ─► fuse ────────────┘
 *   ¹ ends the day when the data are not fit to learn from; only the report reads its result
 *   ² after train-reranker, whose item tables it shares; its export reads the reranker's shards
 *   ³ by groups of user buckets; the node stitch joins them
 */
import type { ArtifactRef, Json } from '../lib/artifact.ts';
import type { DailyInput, DailyResult, NodeResult, NodeRunner } from './types.ts';

export const UPLIFT_NODES = ['train-uplift', 'evaluate-uplift', 'export-uplift'] as const;
/** Cohorts of one task share a compiled graph; more tasks share the work among workers. */
const COHORTS_PER_TASK = 8;

export const METAFUSION_NODES = ['train-meta', 'cohorts', 'fine-tune', 'fuse'] as const;
export const NODES = [
  'logs',
  'ingest',
  'stitch-group',
  'stitch',
  'check-data',
  'features',
  'train-reranker',
  'train-dnn',
  'evaluate-reranker',
  'export-reranker',
  ...UPLIFT_NODES,
  ...METAFUSION_NODES,
  'bundle',
  'release',
] as const;

/** What the `features` stage says of the optional branches, from the data it has seen. */
interface BranchPlan {
  ok: boolean;
  reason?: string;
  [key: string]: Json | undefined;
}

type Parts = Record<string, ArtifactRef>;

/** Waits for all, so that a failing branch does not throw away another's work; then fails if one failed. */
async function allBranches<T>(branches: Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(branches);
  for (const branch of settled) if (branch.status === 'rejected') throw branch.reason;
  return settled.map((branch) => (branch as PromiseFulfilledResult<T>).value);
}

const refs = (results: Record<string, NodeResult>): Parts =>
  Object.fromEntries(Object.entries(results).map(([name, result]) => [name, result.ref]));

/** Buckets of users are stitched in groups, on any worker; the samples do not depend on how many. */
async function stitched(
  { groups = 1, ...params }: { [key: string]: Json },
  lake: NodeResult,
  runner: NodeRunner,
): Promise<NodeResult> {
  const made = await allBranches(
    Array.from({ length: Number(groups) }, (_, i) =>
      runner.run({
        node: `stitch-group/${i + 1}`,
        stage: 'stitch-group',
        params: { ...params, group: i + 1, groups },
        inputs: refs({ lake }),
      }),
    ),
  );
  return runner.run({
    node: 'stitch',
    stage: 'join-samples',
    params,
    inputs: {
      ...refs({ lake }),
      ...Object.fromEntries(made.map(({ ref }, i) => [`group-${i + 1}`, ref])),
    },
  });
}

export async function dailyDag(input: DailyInput, runner: NodeRunner): Promise<DailyResult> {
  const { params, dates } = input;
  const skipped: DailyResult['skipped'] = [];
  const skip = (nodes: readonly string[], reason: string): void => {
    for (const node of nodes) skipped.push({ node, reason });
    runner.skip(nodes, reason);
  };
  const window = { trainDates: dates.slice(0, -2), validDate: dates.at(-2)!, testDate: input.date };
  const exported = { trainDates: window.trainDates, validDate: window.validDate };

  const logs = await runner.run({
    node: 'logs',
    stage: 'logs',
    params: { logsDir: input.logsDir },
    inputs: {},
  });
  const lake = await runner.run({
    node: 'ingest',
    stage: 'ingest',
    params: params.ingest,
    inputs: refs({ logs }),
  });
  const samples = await stitched(params.stitch, lake, runner);
  const quality = await runner.run({
    node: 'check-data',
    stage: 'check-data',
    params: { ...params.quality, date: input.date, dates },
    inputs: refs({ lake, samples }),
  });
  const tensors = await runner.run({
    node: 'features',
    stage: 'features',
    params: { ...params.features, dates, trainDates: window.trainDates },
    inputs: refs({ samples }),
  });
  const plans = tensors.summary.plans as unknown as Record<'uplift' | 'metafusion', BranchPlan>;

  const train = (node: string, settings: { [key: string]: Json }): Promise<NodeResult> =>
    runner.run({
      node,
      stage: 'train-model',
      params: { ...settings, trainDates: window.trainDates, validDate: window.validDate },
      inputs: refs({ tensors }),
    });
  const trainedReranker = train('train-reranker', params.reranker);
  const exportedReranker = trainedReranker.then((checkpoint) =>
    runner.run({
      node: 'export-reranker',
      stage: 'export-reranker',
      params: { ...params.export, ...exported },
      inputs: refs({ tensors, checkpoint }),
    }),
  );

  /**
   * The peer in the report. It is short, so it starts behind the first of the long chains to end: with
   * two workers it would otherwise keep one of them from starting.
   */
  const trainedDnn = async (otherChain: Promise<unknown>): Promise<NodeResult> => {
    await Promise.race([trainedReranker, otherChain]).catch(() => undefined);
    return train('train-dnn', params.dnn);
  };

  const rerankerBranch = async (otherChain: Promise<unknown>): Promise<Parts> => {
    const [reranker, dnn, files] = await allBranches([
      trainedReranker,
      trainedDnn(otherChain),
      exportedReranker,
    ]);
    const metrics = await runner.run({
      node: 'evaluate-reranker',
      stage: 'evaluate-reranker',
      params: { ...params.evaluate, testDate: window.testDate },
      inputs: refs({ tensors, reranker: reranker!, dnn: dnn! }),
    });
    return refs({
      reranker: files!,
      'reranker-checkpoint': reranker!,
      'dnn-checkpoint': dnn!,
      'reranker-metrics': metrics,
    });
  };

  const upliftBranch = async (): Promise<Parts> => {
    if (!plans.uplift.ok) {
      skip(UPLIFT_NODES, plans.uplift.reason ?? 'no reason given');
      return {};
    }
    const { training, config, budget, ...common } = params.uplift;
    const checkpoint = await runner.run({
      node: 'train-uplift',
      stage: 'train-uplift',
      params: {
        ...common,
        training: training ?? {},
        config: config ?? {},
        trainDates: window.trainDates,
        validDate: window.validDate,
      },
      inputs: refs({ tensors, tables: await trainedReranker }),
    });
    const metrics = await runner.run({
      node: 'evaluate-uplift',
      stage: 'evaluate-uplift',
      params: { ...common, ...(budget === undefined ? {} : { budget }), ...window },
      inputs: refs({ tensors, checkpoint }),
    });
    const files = await runner.run({
      node: 'export-uplift',
      stage: 'export-uplift',
      params: { ...params.export, ...(budget === undefined ? {} : { budget }), ...exported },
      inputs: refs({ tensors, checkpoint, reranker: await exportedReranker }),
    });
    return refs({ uplift: files, 'uplift-checkpoint': checkpoint, 'uplift-metrics': metrics });
  };

  const metafusionBranch = async (): Promise<Parts> => {
    const { ok, reason, trainDates, validDate, T, T1, T2 } = plans.metafusion;
    if (!ok) {
      skip(METAFUSION_NODES, reason ?? 'no reason given');
      return {};
    }
    const { backend, fineTune, gate } = params.metafusion;
    // What is not set takes the stage's default.
    const given = (settings: Record<string, Json | undefined>): { [key: string]: Json } =>
      Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as {
        [key: string]: Json;
      };
    const meta = await runner.run({
      node: 'train-meta',
      stage: 'train-model',
      params: { ...params.reranker, trainDates: trainDates!, validDate: validDate! },
      inputs: refs({ tensors }),
    });
    const cohorts = await runner.run({
      node: 'cohorts',
      stage: 'cohorts',
      params: given({ T }),
      inputs: refs({ tensors }),
    });
    const names = cohorts.summary.cohorts as string[];
    const groups = Array.from({ length: Math.ceil(names.length / COHORTS_PER_TASK) }, (_, i) =>
      names.slice(i * COHORTS_PER_TASK, (i + 1) * COHORTS_PER_TASK),
    );
    const tuned = await allBranches(
      groups.map((cohortNames, i) =>
        runner.run({
          node: `fine-tune/${i + 1}`,
          stage: 'fine-tune',
          params: given({ backend, T, cohortNames, fineTune }),
          inputs: refs({ tensors, meta, cohorts }),
        }),
      ),
    );
    const deltas = Object.fromEntries(tuned.map(({ ref }, i) => [`delta-${i + 1}`, ref]));
    const fused = await runner.run({
      node: 'fuse',
      stage: 'fuse',
      params: given({ backend, T1, T2, gate }),
      inputs: { ...refs({ tensors, meta, cohorts }), ...deltas },
    });
    return refs({ metafusion: fused });
  };

  const uplift = upliftBranch();
  const metafusion = metafusionBranch();
  const parts = await allBranches([rerankerBranch(metafusion), uplift, metafusion]);
  const bundle = await runner.run({
    node: 'bundle',
    stage: 'bundle',
    params: {
      date: input.date,
      dates,
      gitSha: input.gitSha,
      skipped,
      inputs: { logs: logs.ref.sha256, lake: lake.ref.sha256, samples: samples.ref.sha256 },
    },
    inputs: Object.assign(refs({ lake, samples, quality, tensors }), ...parts),
  });
  const release = await runner.run({
    node: 'release',
    stage: 'release',
    params: { channel: input.channel, date: input.date },
    inputs: refs({ bundle }),
  });
  return {
    date: input.date,
    bundle: bundle.ref,
    contentHash: String(bundle.summary.contentHash),
    releaseId: String(release.summary.releaseId),
    channel: input.channel,
    skipped,
  };
}
