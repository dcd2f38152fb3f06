/** Our TFLite files against those of TensorFlow's own converter: bytes, latency, loss of int8. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensurePython, runPython } from '../infra/python/index.ts';
import { useBackend } from '../models/engine/backend.ts';
import { datesOf } from '../models/engine/dataset.ts';
import { trainModel } from '../models/train-model.ts';
import { trainUplift } from '../models/uplift/train.ts';
import { figuresOf, orderFigures } from './artifacts/figures.ts';
import {
  checkpointsIn,
  decideSubject,
  mlpSubject,
  rerankerSubjects,
  type Trained,
} from './artifacts/subjects.ts';
import { type Subject, writeSubject } from './artifacts/write.ts';
import { simulatedTensors, splitDates } from './tensors-from-logs.ts';
import type { Bench } from './types.ts';

const DEFAULT_USERS = 400;
/** Behaviours that a phone keeps of each kind. */
const KEPT = 50;

type Say = (message: string) => void;
const scriptOf = (name: string): string =>
  fileURLToPath(new URL(`./artifacts/${name}.py`, import.meta.url));

/** Trains both models, or takes the checkpoints of an earlier run in the same folder. */
async function train(workDir: string, users: number, say: Say): Promise<Trained> {
  const lengths = { exposuresK: KEPT, pageViewsK: KEPT };
  const tensorsDir = await simulatedTensors(workDir, users, lengths);
  const dates = splitDates(await datesOf(tensorsDir, 'rerank'));
  const trained: Trained = { tensorsDir, dates, ...checkpointsIn(workDir) };
  await useBackend('tensorflow');
  const shared = { tensorsDir, trainDates: dates.trainDates, validDate: dates.validDate };
  for (const model of ['reranker', 'uplift'] as const) {
    if (existsSync(trained[model])) continue;
    const stateDir = join(workDir, model, 'state');
    await mkdir(stateDir, { recursive: true });
    say(`training ${model}`);
    const input = { ...shared, stateDir, outDir: trained[model] };
    if (model === 'uplift') await trainUplift(input);
    else await trainModel({ ...input, model });
  }
  return trained;
}

export const bench: Bench = {
  name: 'artifacts',
  describe: "our TFLite files against TensorFlow's converter's [--users N] [--work DIR]",
  async run(args) {
    const { values } = parseArgs({
      args,
      options: { users: { type: 'string' }, work: { type: 'string' } },
    });
    const workDir = values.work ?? (await mkdtemp(join(tmpdir(), 'edgeloom-artifacts-')));
    const say: Say = (line) => process.stderr.write(`${line}\n`);
    const options = { onProgress: ({ message }: { message: string }) => say(message) };
    const pythons = {
      convert: await ensurePython('tensorflow', options),
      measure: await ensurePython('side-check', options),
    };
    const trained = await train(workDir, Number(values.users ?? DEFAULT_USERS), say);
    await useBackend('cpu');
    const { subjects: ofReranker, slates } = await rerankerSubjects(trained);
    const subjects: Subject[] = [...ofReranker, await decideSubject(trained), mlpSubject()];
    const folderOf = ({ entry }: Subject): string => join(workDir, 'artifacts', entry.name);
    for (const subject of subjects) await writeSubject(folderOf(subject), subject);
    const folders = subjects.map(folderOf);
    await runPython(pythons.convert, scriptOf('convert'), folders, options);
    await runPython(pythons.measure, scriptOf('measure'), folders, options);
    const lines = await Promise.all(
      subjects.map((subject) => figuresOf(folderOf(subject), subject)),
    );
    const scorer = subjects.find(({ entry }) => entry.name === 'rerank')!;
    return [...lines.flat(), ...(await orderFigures(folderOf(scorer), scorer, slates))];
  },
};
