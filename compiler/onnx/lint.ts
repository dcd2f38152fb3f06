/** Checks an ONNX file for what readers older or stricter than ONNX Runtime would refuse. */
import type { Finding } from '../finding.ts';
import { quantizationFindings } from './lint-quantization.ts';
import {
  decodeModel,
  IR_VERSION,
  type ModelProto,
  type NodeProto,
  OPSET,
  type TensorProto,
} from './proto.ts';

const ELEMENT_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1 };

type GraphProto = NonNullable<ModelProto['graph']>;

const text = (value: string | null | undefined): string => value ?? '';

function initializerFindings(graph: GraphProto): Finding[] {
  return (graph.initializer ?? []).flatMap((tensor) => {
    const name = text(tensor.name);
    const bytes = ELEMENT_BYTES[tensor.dataType ?? 0];
    if (bytes === undefined) {
      return [{ rule: 'tensor-type', message: `${name} has the data type ${tensor.dataType}` }];
    }
    const count = (tensor.dims ?? []).reduce<number>((n, size) => n * Number(size), 1);
    const stored = tensor.rawData?.length ?? 0;
    if (stored === count * bytes) return [];
    return [{ rule: 'tensor-size', message: `${name} has ${stored} bytes for ${count * bytes}` }];
  });
}

/** Single assignment, in order: every name is made once, before it is read, and outputs are made. */
function flowFindings(graph: GraphProto): Finding[] {
  const findings: Finding[] = [];
  const made = new Set<string>();
  const read = new Set<string>();
  const make = (name: string, by: string): void => {
    if (name === '' || made.has(name)) {
      findings.push({ rule: 'names', message: `${by} makes ${name || 'a value without a name'}` });
    }
    made.add(name);
  };
  for (const value of graph.input ?? []) make(text(value.name), 'an input');
  for (const tensor of graph.initializer ?? []) make(text(tensor.name), 'an initializer');
  for (const node of graph.node ?? []) {
    for (const name of node.input ?? []) {
      read.add(name);
      // An optional input that is left out has an empty name.
      if (name === '' || made.has(name)) continue;
      findings.push({
        rule: 'dangling-name',
        message: `${node.opType} reads ${name} before it is made`,
      });
    }
    for (const name of node.output ?? []) make(name, text(node.opType));
  }
  for (const value of graph.output ?? []) {
    read.add(text(value.name));
    if (made.has(text(value.name))) continue;
    findings.push({ rule: 'dangling-name', message: `output ${value.name} is never made` });
  }
  for (const tensor of graph.initializer ?? []) {
    if (read.has(text(tensor.name))) continue;
    findings.push({ rule: 'dangling-name', message: `initializer ${tensor.name} is never read` });
  }
  return findings;
}

function portFindings(graph: GraphProto): Finding[] {
  const ports = [...(graph.input ?? []), ...(graph.output ?? [])];
  return ports.flatMap((port) => {
    const type = port.type?.tensorType;
    const dims = type?.shape?.dim;
    const fixed = dims?.every((dim) => Number(dim.dimValue ?? 0) > 0);
    if (type?.elemType && dims && fixed) return [];
    return [{ rule: 'port-type', message: `${port.name} has no type or no fixed shape` }];
  });
}

/**
 * All broken rules of a file; an empty list is a clean file.
 * @throws EdgeloomError `bad-model-file` when the bytes are not ONNX
 */
export function lintOnnx(bytes: Uint8Array): Finding[] {
  const model = decodeModel(bytes);
  const findings: Finding[] = [];
  if (Number(model.irVersion) !== IR_VERSION) {
    findings.push({ rule: 'ir-version', message: `IR version ${model.irVersion}` });
  }
  const opset = model.opsetImport?.find(({ domain }) => !domain)?.version;
  if (Number(opset) !== OPSET) findings.push({ rule: 'opset', message: `opset ${opset}` });
  if (!model.graph) return [...findings, { rule: 'graph', message: 'the file has no graph' }];
  return [
    ...findings,
    ...initializerFindings(model.graph),
    ...flowFindings(model.graph),
    ...portFindings(model.graph),
    ...quantizationFindings(
      (model.graph.node ?? []) as NodeProto[],
      (model.graph.initializer ?? []) as TensorProto[],
    ),
  ];
}
