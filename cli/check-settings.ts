/** Settings held against the parameters of every stage before anything runs: a stage would tell hours later. */
import { z } from 'zod';
import { loadStage } from '../activities/index.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { dailyDag } from '../workflows/dag.ts';
import type { DailyInput, NodeCall } from '../workflows/types.ts';

/** What every stage would be called with, when each optional branch ran. Nothing is read. */
async function callsOf(input: DailyInput): Promise<NodeCall[]> {
  const calls: NodeCall[] = [];
  const [day = input.date] = input.dates;
  const metafusion = { trainDates: input.dates, validDate: day, T: day, T1: day, T2: day };
  const summary = {
    plans: { uplift: { ok: true }, metafusion: { ok: true, ...metafusion } },
    cohorts: ['all-users'],
  };
  const ref = { uri: '', sha256: '', rows: 0, bytes: 0 };
  await dailyDag(input, {
    async run(call) {
      calls.push(call);
      return { node: call.node, key: '', ref, summary, reused: false, reason: '' };
    },
    skip: () => undefined,
  });
  return calls;
}

/** @throws EdgeloomError `bad-config` with every stage that would refuse its parameters */
export async function checkSettings(input: DailyInput, path: string): Promise<void> {
  const wrong: string[] = [];
  for (const { node, stage, params } of await callsOf(input)) {
    const parsed = (await loadStage(stage)).params.safeParse(params);
    if (!parsed.success) wrong.push(`${node}: ${z.prettifyError(parsed.error)}`);
  }
  if (wrong.length === 0) return;
  throw new EdgeloomError({
    code: 'bad-config',
    what: `The settings do not fit.\n${wrong.join('\n')}`,
    where: path,
    fix: 'edgeloom stage <name> --help lists the parameters of a stage',
    exitCode: 2,
  });
}
