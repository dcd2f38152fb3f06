/** A model file for one call as a model for several calls at once. */
import { decodeModel, encodeBytes, type ModelProto } from './proto.ts';

/**
 * Declares another size as the first dimension of every input and output; nodes and weights stay as
 * they are. Fits files whose operations take each row of the first dimension on its own, and do not
 * name its size: a step of an encoder, not what reshapes to a fixed shape.
 * @throws EdgeloomError `bad-model-file` when the bytes are not an ONNX model
 */
export function withFirstDimension(bytes: Uint8Array, size: number): Uint8Array {
  const model: ModelProto = decodeModel(bytes);
  for (const port of [...(model.graph?.input ?? []), ...(model.graph?.output ?? [])]) {
    const first = port.type?.tensorType?.shape?.dim?.[0];
    if (first) first.dimValue = size;
  }
  return encodeBytes(model);
}
