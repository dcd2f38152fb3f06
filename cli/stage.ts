/** `edgeloom stage NAME`: one stage in this process, without Temporal. */
import { spawnSync } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadStage, stageNames } from '../activities/index.ts';
import { runStage } from '../activities/runtime/run-stage.ts';
import { passGate } from '../activities/runtime/stage.ts';
import type { ArtifactRef } from '../lib/artifact.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { statIfThere } from '../lib/files.ts';
import { hashFolder } from '../lib/hash-folder.ts';
import { ProgressLines } from './progress-lines.ts';
import { sayOnStderr } from './run.ts';
import { completeStageParams, describeParams } from './stage-params.ts';
import { openWorkspace } from './workspace.ts';

interface StageOptions {
  input?: string[];
  params: string;
  out?: string;
  force?: boolean;
  workspace: string;
  json?: boolean;
  help?: boolean;
}

async function parseInput(text: string): Promise<[string, ArtifactRef]> {
  const [, name, value] = /^([a-z0-9-]+)=(.+)$/.exec(text) ?? [];
  if (!name || !value) {
    throw new EdgeloomError({
      code: 'bad-input-option',
      what: 'An input is NAME=FOLDER or NAME=sha256:…',
      where: `--input ${text}`,
      exitCode: 2,
    });
  }
  if (value.startsWith('sha256:')) return [name, { uri: value, sha256: value, rows: 0, bytes: 0 }];
  const path = resolve(value);
  const found = await statIfThere(path);
  if (!found?.isDirectory()) {
    throw new EdgeloomError({
      code: 'input-not-found',
      what: `Input ${name} is not a folder`,
      where: path,
      exitCode: 2,
    });
  }
  const { sha256, bytes } = await hashFolder(path);
  return [name, { uri: `file:${path}`, rows: 0, sha256, bytes }];
}

async function parseParams(text: string): Promise<unknown> {
  const json = text.startsWith('@') ? await readFile(text.slice(1), 'utf8') : text;
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-parameters',
        what: `The parameters are not JSON: ${(error as Error).message}`,
        where: `--params ${text}`,
        fix: `write --params '{"name": value}' or --params @file.json`,
        exitCode: 2,
      },
      { cause: error },
    );
  }
}

async function listStages(): Promise<void> {
  for (const stage of stageNames) {
    const { name, describe, inputs } = await loadStage(stage);
    process.stdout.write(
      `${name.padEnd(20)} ${describe}\n${' '.repeat(21)}inputs: ${inputs.join(', ') || 'none'}\n`,
    );
  }
}

/** `edgeloom stage NAME --help`: what the stage reads and takes. */
async function explainStage(name: string): Promise<void> {
  const found = await loadStage(name);
  const inputs = found.inputs.map((input) => `--input ${input}=FOLDER`).join(' ') || 'none';
  process.stdout.write(
    `${name}: ${found.describe}\n\nInputs: ${inputs}\n${describeParams(found)}\n`,
  );
}

/** The loader reads library paths once, when a process starts: this command starts again with them. */
function startAgain(environment: Record<string, string>): never {
  const { status } = spawnSync(process.execPath, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  process.exit(status ?? 130);
}

export async function stage(name: string | undefined, options: StageOptions): Promise<void> {
  if (!name) return listStages();
  if (options.help) return explainStage(name);
  const found = await loadStage(name);
  const { store, machine } = await openWorkspace(options.workspace);
  const inputs = Object.fromEntries(await Promise.all((options.input ?? []).map(parseInput)));
  const folderOf = async (ref: ArtifactRef): Promise<string> =>
    ref.uri.startsWith('file:') ? ref.uri.slice('file:'.length) : store.open(ref);
  const { params, environment } = await completeStageParams(
    found,
    await parseParams(options.params),
    { inputs, workspace: options.workspace, folderOf, say: sayOnStderr },
  );
  if (Object.entries(environment).some(([variable, value]) => process.env[variable] !== value)) {
    startAgain(environment);
  }
  const progress = new ProgressLines(process.stderr);
  const abort = new AbortController();
  process.once('SIGINT', () =>
    abort.abort(new EdgeloomError({ code: 'cancelled', what: 'Cancelled', exitCode: 130 })),
  );
  const result = await runStage(
    store,
    machine,
    found,
    { node: name, params, inputs },
    {
      force: options.force ?? false,
      signal: abort.signal,
      onProgress: ({ message }) => progress.say(message),
    },
  ).finally(() => progress.end());
  const path = await folderOf(result.ref);
  if (options.out)
    await cp(path, resolve(options.out), { recursive: true, errorOnExist: true, force: false });
  const report = { ...result, path };
  const text = options.json
    ? JSON.stringify(report)
    : `${result.reused ? 'reused' : 'made'} (${result.reason})\n${path}\n${(await found.present?.(path)) ?? JSON.stringify(result.summary, null, 2)}`;
  process.stdout.write(`${text}\n`);
  passGate(found, result);
}
