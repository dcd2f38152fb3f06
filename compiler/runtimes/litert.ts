/**
 * TFLite files in LiteRT's WebAssembly build, in plain Node. The package is made for browsers: it
 * loads its module through `importScripts`, which is provided here while it loads.
 * A failed invoke does not throw: outputs are checked to be finite, and parity tests compare values.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import vm from 'node:vm';
import type { CompiledModel, Tensor } from '@litertjs/core';
import { EdgeloomError } from '../../lib/errors.ts';
import type { TypedArray } from '../graph/ir.ts';
import { assertFinite, checkedInput, type LoadedModel, type NamedArrays } from './runtime.ts';

const require = createRequire(import.meta.url);

/** What the package expects of a browser's worker scope. */
interface WorkerScope {
  self?: unknown;
  importScripts?: (path: string) => void;
  ModuleFactory?: unknown;
  Module?: { wasmBinary: Uint8Array };
}

type LiteRt = typeof import('@litertjs/core');

let loading: Promise<LiteRt> | undefined;

/** Evaluates the package's loader script as a worker would, with the wasm bytes at hand. */
function importLoader(scope: WorkerScope, path: string): void {
  const source = `(function (require, __filename, __dirname) {${readFileSync(path, 'utf8')}
    ;return ModuleFactory; })`;
  const wrapped = vm.runInThisContext(source, { filename: path }) as (
    ...environment: [NodeJS.Require, string, string]
  ) => unknown;
  scope.ModuleFactory = wrapped(require, path, dirname(path));
  scope.Module = { wasmBinary: readFileSync(path.replace(/\.js$/, '.wasm')) };
}

async function start(): Promise<LiteRt> {
  const scope = globalThis as unknown as WorkerScope;
  const wasm = join(dirname(require.resolve('@litertjs/core')), '..', 'wasm') + sep;
  scope.self ??= globalThis;
  const former = scope.importScripts;
  scope.importScripts = (path) => importLoader(scope, path);
  try {
    const library = await import('@litertjs/core');
    await library.loadLiteRt(wasm);
    return library;
  } finally {
    if (former) scope.importScripts = former;
    else delete scope.importScripts;
    delete scope.Module;
  }
}

const failed = (what: string, cause?: unknown): EdgeloomError =>
  new EdgeloomError({ code: 'runtime-failed', what, fix: 'run lintTflite on the file' }, { cause });

/** @throws EdgeloomError `runtime-failed` when LiteRT refuses the file */
export async function loadTflite(bytes: Uint8Array): Promise<LoadedModel> {
  loading ??= start();
  const library = await loading;
  let model: CompiledModel;
  try {
    model = await library.loadAndCompile(bytes, {
      accelerator: 'wasm',
      cpuOptions: { numThreads: 1 },
    });
  } catch (error) {
    throw failed(`LiteRT refuses the model: ${(error as Error).message}`, error);
  }
  const inputs = model.getInputDetails();
  const outputs = model.getOutputDetails();
  return {
    inputNames: inputs.map((detail) => detail.name),
    outputNames: outputs.map((detail) => detail.name),
    async run(values: NamedArrays): Promise<NamedArrays> {
      const tensors: Record<string, Tensor> = {};
      const made: Tensor[] = [];
      try {
        for (const { name, shape, dtype } of inputs) {
          const sizes = [...shape];
          const data = checkedInput(values, name, sizes);
          const typed = dtype === 'int32' ? Int32Array.from(data) : Float32Array.from(data);
          const tensor = new library.Tensor(typed, sizes);
          tensors[name] = tensor;
          made.push(tensor);
        }
        const results = await model.run(tensors);
        made.push(...Object.values(results));
        return Object.fromEntries(
          outputs.map(({ name }) => {
            const data = results[name]?.toTypedArray() as TypedArray | undefined;
            if (!data) throw failed(`LiteRT returned no output ${name}`);
            const copy = data.slice();
            assertFinite(name, copy);
            return [name, copy];
          }),
        );
      } finally {
        for (const tensor of made) tensor.delete();
      }
    },
    async dispose(): Promise<void> {
      model.delete();
    },
  };
}
