/**
 * Calls of a model that LiteRT has compiled. The package's own `run` makes a tensor per input and
 * looks types and requirements up at every call, which costs several times what a small model
 * computes. Here the input buffers are made once and the compiled model is called directly.
 */
import type { CompiledModel, Tensor } from '@litertjs/core';
import { EdgeloomError } from '../../lib/errors.ts';
import { elementCount, type TypedArray } from '../graph/ir.ts';
import { assertFinite, checkedInput, type LoadedModel, type NamedArrays } from './runtime.ts';

export type LiteRt = typeof import('@litertjs/core');

/** Memory of a tensor inside the WebAssembly module. */
type TensorBuffer = Tensor['liteRtTensorBuffer'];

/** The part of a compiled model that the package's types keep private. */
interface Callable {
  readonly liteRtCompiledModel: {
    run(signature: number, inputs: TensorBuffer[]): TensorBuffer[] | Promise<TensorBuffer[]>;
  };
}

interface Input {
  name: string;
  shape: number[];
  make: typeof Float32Array | typeof Int32Array;
  tensor: Tensor;
}

const ARRAYS: { readonly [dtype: string]: Input['make'] } = {
  float32: Float32Array,
  int32: Int32Array,
};

export const failed = (what: string, cause?: unknown): EdgeloomError =>
  new EdgeloomError({ code: 'runtime-failed', what, fix: 'run lintTflite on the file' }, { cause });

/** @param complaints what the runtime has printed; emptied before every call */
export function callable(library: LiteRt, model: CompiledModel, complaints: string[]): LoadedModel {
  const declared = model.getInputDetails();
  const outputs = model.getOutputDetails();
  const { liteRtCompiledModel } = model as unknown as Callable;
  const wasm = library.getGlobalLiteRt().liteRtWasm;
  const { READ, WRITE } = wasm.LiteRtTensorBufferLockMode;

  const makeInput = ({ name, shape, dtype }: (typeof declared)[number]): Input => {
    const make = ARRAYS[dtype];
    if (!make) throw failed(`Input ${name} has the type ${dtype}; float32 and int32 can be given`);
    const sizes = [...shape];
    const tensor = new library.Tensor(new make(elementCount(sizes)), sizes);
    return { name, shape: sizes, make, tensor };
  };
  const write = ({ make, tensor }: Input, data: TypedArray): void => {
    const buffer = tensor.liteRtTensorBuffer;
    const start = buffer.lock(WRITE);
    new make(wasm.HEAPU8.buffer as ArrayBuffer, start, data.length).set(data);
    buffer.unlock();
  };
  const read = (buffer: TensorBuffer, { name, shape, dtype }: (typeof outputs)[number]) => {
    const make = ARRAYS[dtype];
    if (!make) return new library.Tensor(buffer).toTypedArray() as TypedArray;
    const bytes = elementCount([...shape]) * make.BYTES_PER_ELEMENT;
    if (buffer.packedSize() !== bytes || buffer.size() !== bytes) {
      throw failed(`LiteRT returned ${buffer.size()} bytes as output ${name}, not ${bytes}`);
    }
    const start = buffer.lock(READ);
    const copy = new make(wasm.HEAPU8.slice(start, start + bytes).buffer);
    buffer.unlock();
    return copy;
  };

  let inputs: Input[] | undefined;
  return {
    inputNames: declared.map(({ name }) => name),
    outputNames: outputs.map(({ name }) => name),
    async run(values: NamedArrays): Promise<NamedArrays> {
      inputs ??= declared.map(makeInput);
      // All are looked at before the first is written.
      const given = inputs.map(({ name, shape }) => checkedInput(values, name, shape));
      inputs.forEach((input, i) => {
        write(input, given[i] as TypedArray);
      });
      complaints.length = 0;
      const buffers = inputs.map(({ tensor }) => tensor.liteRtTensorBuffer);
      const results = await liteRtCompiledModel.run(0, buffers);
      try {
        if (complaints[0]) throw failed(`LiteRT failed to run the model: ${complaints[0]}`);
        return Object.fromEntries(
          outputs.map((output, i) => {
            const buffer = results[i];
            if (!buffer) throw failed(`LiteRT returned no output ${output.name}`);
            const data = read(buffer, output);
            assertFinite(output.name, data);
            return [output.name, data];
          }),
        );
      } finally {
        for (const buffer of results) buffer.delete();
      }
    },
    async dispose(): Promise<void> {
      for (const { tensor } of inputs ?? []) tensor.delete();
      model.delete();
    },
  };
}
