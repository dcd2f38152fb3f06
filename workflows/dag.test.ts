import { describe, expect, it } from 'vitest';
import type { Summary } from '../lib/artifact.ts';
import { Board } from './board.ts';
import { dailyDag, NODES } from './dag.ts';
import type { DailyInput, NodeCall, NodeResult, NodeRunner } from './types.ts';

const dates = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05', '2026-03-06'];
const none = {};
const input: DailyInput = {
  date: '2026-03-06',
  dates,
  logsDir: '/logs',
  params: {
    ingest: none,
    stitch: none,
    quality: { minRows: 10 },
    features: none,
    reranker: none,
    dnn: none,
    evaluate: none,
    uplift: none,
    metafusion: none,
    export: none,
  },
  gitSha: 'abc',
  channel: 'stable',
};
const plans = {
  uplift: { ok: true },
  metafusion: {
    ok: true,
    trainDates: dates.slice(0, 1),
    validDate: dates[1]!,
    T: dates[2]!,
    T1: dates[3]!,
    T2: dates[4]!,
  },
};

function recorder(summaries: Record<string, Summary>): {
  runner: NodeRunner;
  calls: NodeCall[];
  skipped: string[];
} {
  const calls: NodeCall[] = [];
  const skipped: string[] = [];
  return {
    calls,
    skipped,
    runner: {
      async run(call): Promise<NodeResult> {
        calls.push(call);
        return {
          node: call.node,
          key: call.node,
          ref: { uri: call.node, sha256: `sha256:${call.node}`, rows: 1, bytes: 1 },
          summary: summaries[call.node] ?? {},
          reused: false,
          reason: '',
        };
      },
      skip(nodes) {
        skipped.push(...nodes);
      },
    },
  };
}

const ok = {
  features: { plans },
  cohorts: { cohorts: ['low', 'high'] },
  bundle: { contentHash: 'c' },
  release: { releaseId: 'r' },
};

describe('dailyDag', () => {
  it('trains on all days but the last two, validates on the one before last, tests on the last', async () => {
    const { runner, calls } = recorder(ok);
    await dailyDag(input, runner);
    const paramsOf = (node: string) => calls.find((call) => call.node === node)!.params;
    expect(paramsOf('train-reranker')).toMatchObject({
      trainDates: dates.slice(0, 3),
      validDate: dates[3],
    });
    expect(paramsOf('evaluate-reranker')).toMatchObject({ testDate: dates[4] });
    expect(paramsOf('features')).toMatchObject({ trainDates: dates.slice(0, 3) });
    // MetaFusion never fits on the day it is tested on.
    expect(paramsOf('train-meta')).toMatchObject({
      trainDates: dates.slice(0, 1),
      validDate: dates[1],
    });
  });

  it('checks the window before features are made, by the settings, and tells the report', async () => {
    const { runner, calls } = recorder(ok);
    await dailyDag(input, runner);
    const nodes = calls.map(({ node }) => node);
    expect(nodes.indexOf('check-data')).toBe(nodes.indexOf('features') - 1);
    const check = calls.find(({ node }) => node === 'check-data')!;
    expect(check.params).toEqual({ minRows: 10, date: '2026-03-06', dates });
    expect(Object.keys(check.inputs)).toEqual(['lake', 'samples']);
    // Settings of the checks must not make features or models anew.
    const readers = calls.filter(({ inputs }) => 'quality' in inputs).map(({ node }) => node);
    expect(readers).toEqual(['bundle']);
  });

  it('trains and releases nothing when the data are refused', async () => {
    const { runner, calls } = recorder(ok);
    const run: NodeRunner['run'] = (call) =>
      call.node === 'check-data' ? Promise.reject(new Error('refused')) : runner.run(call);
    await expect(dailyDag(input, { ...runner, run })).rejects.toThrow('refused');
    expect(calls.map(({ node }) => node)).toEqual(['logs', 'ingest', 'stitch-group/1', 'stitch']);
  });

  it('stitches in one group unless told, and hands every group to the join with the same rules', async () => {
    for (const groups of [undefined, 3]) {
      const { runner, calls } = recorder(ok);
      const stitch = { exposuresK: 8, ...(groups ? { groups } : {}) };
      await dailyDag({ ...input, params: { ...input.params, stitch } }, runner);
      const made = calls.filter(({ stage }) => stage === 'stitch-group');
      expect(made.map(({ params }) => params)).toEqual(
        Array.from({ length: groups ?? 1 }, (_, i) => ({
          exposuresK: 8,
          group: i + 1,
          groups: groups ?? 1,
        })),
      );
      const join = calls.find(({ node }) => node === 'stitch')!;
      expect(join).toMatchObject({ stage: 'join-samples', params: { exposuresK: 8 } });
      // How many there were must not be part of the samples' key but by their content.
      expect(join.params).not.toHaveProperty('groups');
      expect(Object.values(join.inputs).map(({ uri }) => uri)).toEqual([
        'ingest',
        ...made.map(({ node }) => node),
      ]);
    }
  });

  it('fine-tunes cohorts by groups and hands every group to the fusion', async () => {
    const { runner, calls } = recorder(ok);
    await dailyDag(input, runner);
    expect(calls.map(({ node }) => node).filter((node) => node.startsWith('fine-tune'))).toEqual([
      'fine-tune/1',
    ]);
    expect(calls.find(({ node }) => node === 'fine-tune/1')!.params).toMatchObject({
      cohortNames: ['low', 'high'],
    });
    expect(Object.keys(calls.find(({ node }) => node === 'fuse')!.inputs)).toEqual([
      'tensors',
      'meta',
      'cohorts',
      'delta-1',
    ]);
  });

  it('skips branches that the data cannot carry, with their reasons, and still makes a bundle', async () => {
    const { runner, calls, skipped } = recorder({
      ...ok,
      features: {
        plans: {
          uplift: { ok: false, reason: 'no arms' },
          metafusion: { ok: false, reason: 'too few days' },
        },
      },
    });
    const result = await dailyDag(input, runner);
    expect(skipped).toEqual([
      'train-uplift',
      'evaluate-uplift',
      'export-uplift',
      'train-meta',
      'cohorts',
      'fine-tune',
      'fuse',
    ]);
    expect(result.skipped).toContainEqual({ node: 'fuse', reason: 'too few days' });
    expect(calls.at(-1)!.node).toBe('release');
    expect(calls.find(({ node }) => node === 'bundle')!.inputs).not.toHaveProperty('uplift');
  });

  it.each(['train-reranker', 'fuse', 'cohorts'])(
    'starts the short DNN when the first long chain has ended, with %s',
    async (last) => {
      const { runner, calls } = recorder(ok);
      const resting = last === 'train-reranker' ? 'train-meta' : 'train-reranker';
      const never = new Promise<NodeResult>(() => undefined);
      const before = await new Promise<string[]>((resolve) => {
        const run: NodeRunner['run'] = async (call) => {
          if (call.node === 'train-dnn') resolve(calls.map(({ node }) => node));
          const result = await runner.run(call);
          if (call.node === resting) return never;
          // A MetaFusion that fails has ended too.
          if (last === 'cohorts' && call.node === 'cohorts') throw new Error('boom');
          return result;
        };
        dailyDag(input, { ...runner, run }).catch(() => undefined);
      });
      expect(before).toEqual(expect.arrayContaining(['train-reranker', 'train-meta', last]));
    },
  );

  it('finishes the other branches before it fails', async () => {
    const { runner, calls } = recorder(ok);
    const failing: NodeRunner = {
      ...runner,
      run: (call) =>
        call.node === 'train-uplift' ? Promise.reject(new Error('boom')) : runner.run(call),
    };
    await expect(dailyDag(input, failing)).rejects.toThrow('boom');
    const ran = calls.map(({ node }) => node);
    expect(ran).toContain('export-reranker');
    expect(ran).toContain('fuse');
    expect(ran).not.toContain('bundle');
  });
});

describe('Board', () => {
  it('shows every node of the DAG, and a fan-out in the place of its parent', () => {
    const board = new Board();
    board.start('stitch-group/1');
    board.start('fine-tune/low');
    board.start('fine-tune/high');
    board.start('stitch-group/2');
    const names = board.list().map(({ node }) => node);
    expect(names).toEqual(
      NODES.flatMap((node) => {
        if (node === 'stitch-group') return ['stitch-group/1', 'stitch-group/2'];
        return node === 'fine-tune' ? ['fine-tune/low', 'fine-tune/high'] : [node];
      }),
    );
  });

  it('keeps a reason from breaking the table', () => {
    const board = new Board();
    board.fail('ingest', 'a | b\nc');
    expect(board.markdown('t')).toContain('a \\| b c |');
  });
});
