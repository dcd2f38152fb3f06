/** `edgeloom plan`: carries out the DAG by looking up content keys only. */
import { loadStage } from '../activities/index.ts';
import { lookUp, reusedResult } from '../activities/runtime/run-stage.ts';
import { dailyDag, NODES } from '../workflows/dag.ts';
import type { NodeCall, NodeResult, NodeRunner } from '../workflows/types.ts';
import { sayOnStderr } from './run.ts';
import { dailyInput } from './run-daily.ts';
import { namedBackend } from './session.ts';
import { openWorkspace } from './workspace.ts';

interface PlanOptions {
  logs: string;
  date?: string;
  days: number;
  config?: string;
  channel: string;
  workspace: string;
  backend?: string;
  json?: boolean;
}

export interface PlanLine {
  node: string;
  /** `stop`: a result is there, and it ends the day. */
  action: 'run' | 'reuse' | 'skip' | 'stop';
  reason: string;
}

/** Ends the walk at a node whose result does not exist yet. */
class WouldRun extends Error {}

/** Plans by look-up: what is behind a stage that has to run cannot be known before it ran. */
export function planner(
  look: (
    call: NodeCall,
  ) => Promise<{ hit: boolean; refused?: boolean; reason: string; result?: NodeResult }>,
): {
  runner: NodeRunner;
  lines: Map<string, PlanLine>;
} {
  const lines = new Map<string, PlanLine>();
  const runner: NodeRunner = {
    async run(call) {
      const { hit, refused, reason, result } = await look(call);
      const action = hit ? 'reuse' : refused ? 'stop' : 'run';
      lines.set(call.node, { node: call.node, action, reason });
      if (!hit || !result) throw new WouldRun(call.node);
      return result;
    },
    skip(nodes, reason) {
      for (const node of nodes) lines.set(node, { node, action: 'skip', reason });
    },
  };
  return { runner, lines };
}

/** The lines in the DAG's order; nodes behind a stage that runs are marked so. */
export function complete(lines: Map<string, PlanLine>): PlanLine[] {
  const all: PlanLine[] = [];
  for (const node of NODES) {
    const own = [...lines.values()].filter(
      (line) => line.node === node || line.node.startsWith(`${node}/`),
    );
    if (own.length > 0) all.push(...own);
    else if (all.some(({ action }) => action === 'stop'))
      all.push({ node, action: 'skip', reason: 'a stage before it ends the day' });
    else all.push({ node, action: 'run', reason: 'a stage before it runs' });
  }
  return all;
}

export async function plan(options: PlanOptions): Promise<void> {
  const { kind } = await namedBackend(options.backend, sayOnStderr);
  const input = await dailyInput(options, kind);
  const { store } = await openWorkspace(options.workspace);
  const { runner, lines } = planner(async (call) => {
    const stage = await loadStage(call.stage);
    const found = await lookUp(store, stage, call);
    if (!found.hit) return { hit: false, reason: found.reason };
    const refused = stage.gate?.(found.record);
    if (refused) return { hit: false, refused: true, reason: refused.what.split('\n')[0]! };
    const result = reusedResult(stage, call, found.record, found.reason);
    const reason = result.told ? `${result.reason}; ${result.told}` : result.reason;
    return { hit: true, reason, result };
  });
  try {
    await dailyDag(input, runner);
  } catch (error) {
    if (!(error instanceof WouldRun)) throw error;
  }
  const all = complete(lines);
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ date: input.date, dates: input.dates, nodes: all })}\n`,
    );
  else
    for (const { node, action, reason } of all)
      process.stdout.write(`${action.padEnd(6)} ${node.padEnd(24)} ${reason}\n`);
}
