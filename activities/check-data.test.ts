import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkedFixture } from '../data/quality/quality-fixture.ts';
import { FolderStore } from '../infra/store/folder-store.ts';
import type { ArtifactRef } from '../lib/artifact.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { hashFolder } from '../lib/hash-folder.ts';
import { checkData } from './check-data.ts';
import { runStage } from './runtime/run-stage.ts';
import { type Machine, passGate, type Stage } from './runtime/stage.ts';

const machine: Machine = {
  workspace: '',
  releaseDir: '',
  userKey: async () => new Uint8Array(),
  erasedUsers: async () => undefined,
};
const stage = checkData as Stage;
let root: string;
let store: FolderStore;
let inputs: Record<string, ArtifactRef>;

const inPlace = async (folder: string): Promise<ArtifactRef> => {
  const { sha256, bytes } = await hashFolder(folder);
  return { uri: `file:${folder}`, sha256, bytes, rows: 0 };
};
const run = (params: unknown) =>
  runStage(store, machine, stage, { node: 'check-data', params, inputs });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-check-data-'));
  store = new FolderStore(join(root, 'store'));
  // One exposure twice, and items that the table does not have.
  await checkedFixture(root, {
    items: 30,
    plant: (event) =>
      event.type === 'exposure' && event.event_id === 'q-4-0-0-e0' ? [event, { ...event }] : event,
  });
  inputs = {
    lake: await inPlace(join(root, 'lake')),
    samples: await inPlace(join(root, 'samples')),
  };
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('check-data', () => {
  it('keeps a result that its gate refuses, with the messages, now and when it is reused', async () => {
    const made = await run({});
    const reused = await run({});
    expect([made.reused, reused.reused]).toEqual([false, true]);
    for (const result of [made, reused]) {
      const error = (() => {
        try {
          passGate(stage, result);
        } catch (thrown) {
          return thrown as EdgeloomError;
        }
      })();
      expect(error).toBeInstanceOf(EdgeloomError);
      expect(error).toMatchObject({ code: 'data-checks-failed', exitCode: 1 });
      expect(error!.message).toContain('- grain/exposure/event_id: 1 of 5,401 rows');
      expect(error!.message).toContain('q-4-0-0-e0 (2026-03-06)');
    }
    const text = await stage.present!(await store.open(made.ref));
    expect(text).toMatch(/^STOP +grain\/exposure\/event_id +1 +0 +1$/m);
    expect(text).toMatch(/^passed +psi\/exposure\/position /m);
    expect(text).toMatch(/2026-03-06: \d+ passed, 0 warned, \d+ end the day, \d+ not judged\.$/);
  });

  it('lets the day pass when the settings say why', async () => {
    const result = await run({
      checks: {
        'grain/exposure/event_id': { off: 'known double upload of one phone' },
        'reference/*→items': { severity: 'warn' },
      },
    });
    expect(() => passGate(stage, result)).not.toThrow();
    expect(result.summary).toMatchObject({ stopped: 0, stops: [] });
    expect(Number(result.summary.warned)).toBeGreaterThan(0);
  });

  it('says which day the lake does not have', async () => {
    await expect(run({ date: '2026-04-01' })).rejects.toMatchObject({ code: 'no-such-day' });
  });
});
