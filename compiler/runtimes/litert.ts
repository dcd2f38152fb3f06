/**
 * TFLite files in LiteRT's WebAssembly build, in plain Node. The package is made for browsers: it
 * loads its module through `importScripts`, which is provided here while it loads.
 * A failed invoke does not throw, it only prints: lines that begin with ERROR are caught and thrown,
 * and outputs are checked to be finite. Other lines are dropped.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import vm from 'node:vm';
import type { CompiledModel } from '@litertjs/core';
import { callable, failed, type LiteRt } from './litert-model.ts';
import type { LoadedModel } from './runtime.ts';

const require = createRequire(import.meta.url);

/** What the package expects of a browser's worker scope. */
interface WorkerScope {
  self?: unknown;
  importScripts?: (path: string) => void;
  ModuleFactory?: unknown;
  Module?: {
    wasmBinary: Uint8Array;
    print: (line: string) => void;
    printErr: (line: string) => void;
  };
}

let loading: Promise<LiteRt> | undefined;

/** What the runtime complained about since it was last asked. */
const complaints: string[] = [];
const listen = (line: string): void => {
  if (line.startsWith('ERROR')) complaints.push(line);
};

/** Evaluates the package's loader script as a worker would, with the wasm bytes at hand. */
function importLoader(scope: WorkerScope, path: string): void {
  const source = `(function (require, __filename, __dirname) {${readFileSync(path, 'utf8')}
    ;return ModuleFactory; })`;
  const wrapped = vm.runInThisContext(source, { filename: path }) as (
    ...environment: [NodeJS.Require, string, string]
  ) => unknown;
  scope.ModuleFactory = wrapped(require, path, dirname(path));
  scope.Module = {
    wasmBinary: readFileSync(path.replace(/\.js$/, '.wasm')),
    print: listen,
    printErr: listen,
  };
}

async function start(): Promise<LiteRt> {
  const scope = globalThis as unknown as WorkerScope;
  const wasm = join(dirname(require.resolve('@litertjs/core')), '..', 'wasm') + sep;
  scope.self ??= globalThis;
  const former = scope.importScripts;
  scope.importScripts = (path) => importLoader(scope, path);
  // The package warns that it found no GPU, which nobody asked for.
  const warn = console.warn;
  console.warn = () => undefined;
  try {
    const library = await import('@litertjs/core');
    await library.loadLiteRt(wasm);
    return library;
  } finally {
    console.warn = warn;
    if (former) scope.importScripts = former;
    else delete scope.importScripts;
    delete scope.Module;
  }
}

/** @throws EdgeloomError `runtime-failed` when LiteRT refuses the file */
export async function loadTflite(bytes: Uint8Array): Promise<LoadedModel> {
  loading ??= start();
  const library = await loading;
  let model: CompiledModel;
  complaints.length = 0;
  try {
    model = await library.loadAndCompile(bytes, {
      accelerator: 'wasm',
      cpuOptions: { numThreads: 1 },
    });
  } catch (error) {
    const reason = complaints[0] ?? (error as Error).message;
    throw failed(`LiteRT refuses the model: ${reason}`, error);
  }
  return callable(library, model, complaints);
}
