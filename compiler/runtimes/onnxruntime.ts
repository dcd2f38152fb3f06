/** ONNX files in ONNX Runtime's CPU provider, one thread. */
import type ort from 'onnxruntime-node';
import { EdgeloomError } from '../../lib/errors.ts';
import { at, type TypedArray } from '../graph/ir.ts';
import { assertFinite, checkedInput, type LoadedModel, type NamedArrays } from './runtime.ts';

const ERRORS_ONLY = 3;

interface Declared {
  name: string;
  type: ort.Tensor.Type;
  shape: number[];
}

function declared(metadata: readonly ort.InferenceSession.ValueMetadata[]): Declared[] {
  return metadata.flatMap((value) =>
    value.isTensor ? [{ name: value.name, type: value.type, shape: value.shape.map(Number) }] : [],
  );
}

function arrayOf(name: string, { data, type }: ort.Tensor): TypedArray {
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array) {
    return data;
  }
  throw new EdgeloomError({
    code: 'runtime-failed',
    what: `Output ${name} has the type ${type}`,
    fix: 'export outputs as float32, int32 or bool',
  });
}

/** @throws EdgeloomError `runtime-failed` when ONNX Runtime refuses the file */
export async function loadOnnx(bytes: Uint8Array): Promise<LoadedModel> {
  // Only here: the native library takes time and memory that writing files does not need.
  const library = await import('onnxruntime-node');
  // Plain Node puts a CommonJS module under `default`, loaders of TypeScript may not.
  const { InferenceSession, Tensor } = library.default ?? library;
  let session: ort.InferenceSession;
  try {
    session = await InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: ERRORS_ONLY,
      // As on ARM. Otherwise int8 activations become uint8 on x86, and processors without VNNI add
      // products of uint8 and int8 in 16 bits, which saturate.
      extra: { session: { qdqisint8allowed: '1' } },
    });
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'runtime-failed',
        what: `ONNX Runtime refuses the model: ${(error as Error).message}`,
        fix: 'run lintOnnx on the file',
      },
      { cause: error },
    );
  }
  const inputs = declared(session.inputMetadata);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(values: NamedArrays): Promise<NamedArrays> {
      const feeds = Object.fromEntries(
        inputs.map(({ name, type, shape }) => [
          name,
          new Tensor(type, checkedInput(values, name, shape), shape),
        ]),
      );
      const results = await session.run(feeds);
      return Object.fromEntries(
        session.outputNames.map((name) => {
          const data = arrayOf(name, results[name] as ort.Tensor);
          assertFinite(name, data);
          return [name, at([data], 0)];
        }),
      );
    },
    dispose: () => session.release(),
  };
}
