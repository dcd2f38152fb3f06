/** Stage `bundle`: composes what the export stages made, with card, report, gates and lineage. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { datasetDescription } from '../data/contracts/dataset.ts';
import { buildBundle } from '../export/bundle/build.ts';
import { gatesOf } from '../export/bundle/gates.ts';
import type { Manifest } from '../export/bundle/manifest.ts';
import { readPart } from '../export/bundle/part.ts';
import { renderCard } from '../export/card/card.ts';
import { metafusionPart } from '../export/models/metafusion-part.ts';
import { collectReport, manifestMetrics } from '../export/report/collect.ts';
import { renderReport } from '../export/report/report.ts';
import { defineStage } from './runtime/stage.ts';

async function datasetOf(lakeDir: string): Promise<Manifest['dataset']> {
  const text = await readFile(join(lakeDir, 'dataset.json'), 'utf8');
  const { name, kind, notes, license, citation } = datasetDescription.parse(JSON.parse(text));
  const facts = [...notes, license ? `Licence: ${license}.` : '', citation ?? ''];
  return { name, simulated: kind === 'simulated', description: facts.filter(Boolean).join(' ') };
}

export const bundle = defineStage({
  name: 'bundle',
  describe: 'compose models, features, golden vectors, embeddings, card and report into a bundle',
  inputs: [
    'lake',
    'samples',
    'quality?',
    'tensors',
    'reranker',
    'reranker-checkpoint',
    'dnn-checkpoint',
    'reranker-metrics',
    'uplift?',
    'uplift-checkpoint?',
    'uplift-metrics?',
    'metafusion?',
  ],
  params: z.strictObject({
    date: z.iso.date(),
    dates: z.array(z.iso.date()).min(3),
    gitSha: z.string(),
    skipped: z.array(z.strictObject({ node: z.string(), reason: z.string() })),
    inputs: z.record(z.string(), z.string()).describe('content hashes of what went in'),
  }),
  module: import.meta.url,
  async run({ inputs, outDir, signal, onProgress }, { date, dates, gitSha, skipped, ...params }) {
    const input = (name: string): string => inputs[name]!;
    const scratch = await mkdtemp(join(tmpdir(), 'edgeloom-bundle-'));
    try {
      const collected = await collectReport({
        lake: input('lake'),
        samples: input('samples'),
        quality: inputs.quality,
        checkpoints: {
          reranker: input('reranker-checkpoint'),
          dnn: input('dnn-checkpoint'),
          ...(inputs['uplift-checkpoint'] ? { uplift: inputs['uplift-checkpoint'] } : {}),
        },
        rerankerMetrics: input('reranker-metrics'),
        upliftMetrics: inputs['uplift-metrics'],
        metafusion: inputs.metafusion,
        exports: {
          reranker: input('reranker'),
          ...(inputs.uplift ? { uplift: inputs.uplift } : {}),
        },
      });
      const parts = [input('reranker'), ...(inputs.uplift ? [inputs.uplift] : [])];
      if (inputs.metafusion) parts.push(await metafusionPart(inputs.metafusion, scratch));
      const profiles = await Promise.all(
        parts.map(async (folder) => {
          const { model, chosenProfile } = await readPart(folder);
          return [model, { chosenProfile }] as const;
        }),
      );
      const manifest = await buildBundle({
        parts,
        features: join(input('tensors'), 'features.json'),
        outDir,
        meta: {
          label: date,
          dataset: await datasetOf(input('lake')),
          lineage: {
            run: `daily/${date}`,
            dates: { training: dates.slice(0, -2), validation: dates.at(-2)! },
            commit: gitSha,
            inputs: params.inputs,
          },
          metrics: manifestMetrics(collected),
          gates: gatesOf(collected, Object.fromEntries(profiles)),
          skipped: skipped.map(({ node, reason }) => ({ stage: node, reason })),
        },
        documents: async (draft) => {
          const whole = { ...collected, date, manifest: draft };
          return { card: renderCard(whole), report: await renderReport(whole) };
        },
        signal,
        onProgress,
      });
      const { contentHash, releaseId, gates, models, files } = manifest;
      const summary = {
        contentHash,
        releaseId,
        gates,
        models: Object.fromEntries(
          Object.entries(models).map(([name, { version }]) => [name, version]),
        ),
      };
      return { rows: files.length, summary };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
});
