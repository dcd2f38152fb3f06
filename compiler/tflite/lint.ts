/**
 * Checks a TFLite file for what runtimes do not tell: on one machine a misaligned buffer or an
 * operator version that is too low runs, on another it crashes or is wrong without a word.
 */

import type { Finding } from '../finding.ts';
import { elementCount } from '../graph/ir.ts';
import { loopFindings } from './lint-loops.ts';
import { type LintedOperator, quantizationFindings } from './lint-quantization.ts';
import { storageFindings } from './lint-storage.ts';
import type { OptionValues, TfliteTensor } from './model.ts';
import { type ReadModel, type ReadOperator, type ReadSubgraph, readModel } from './read.ts';
import {
  BUFFER_ALIGNMENT,
  ELEMENT_BYTES,
  OPERATORS,
  type OperatorName,
  RUNTIME_METADATA,
  SCHEMA_VERSION,
  SIGNATURE_KEY,
  TENSOR_TYPE,
  type TensorTypeName,
} from './schema.ts';
import { olderRuntime, requiredVersion, runtimeOf } from './versions.ts';

const typeNames = new Map(
  Object.entries(TENSOR_TYPE).map(([name, code]) => [code as number, name as TensorTypeName]),
);
const operatorNames = new Map(
  Object.entries(OPERATORS).map(([name, { code }]) => [code as number, name as OperatorName]),
);

/** The tensors of a subgraph in the form that the version rules take; unknown types become findings. */
function namedTensors(model: ReadModel, graph: ReadSubgraph, findings: Finding[]): TfliteTensor[] {
  return graph.tensors.map((tensor, i) => {
    const type = typeNames.get(tensor.type);
    if (!type) {
      findings.push({ rule: 'tensor-type', message: `tensor ${i} has the type ${tensor.type}` });
    }
    const data = model.buffers[tensor.buffer]?.data;
    return {
      name: tensor.name || `#${i}`,
      shape: tensor.shape,
      type: type ?? 'FLOAT32',
      ...(tensor.quantization ? { quantization: tensor.quantization } : {}),
      ...(data && data.length > 0 ? { data } : {}),
    };
  });
}

function optionValues(op: OperatorName, operator: ReadOperator): OptionValues {
  return Object.fromEntries(
    Object.entries(OPERATORS[op].fields).map(([name, [slot, kind]]) => {
      const value = operator.option(slot, kind);
      return [name, kind === 'bool' ? value !== 0 : value];
    }),
  );
}

function namedOperators(
  model: ReadModel,
  graph: ReadSubgraph,
  tensors: readonly TfliteTensor[],
  findings: Finding[],
): LintedOperator[] {
  return graph.operators.flatMap((operator, i) => {
    const code = model.codes[operator.codeIndex];
    const op = code && operatorNames.get(code.code);
    if (!code || !op) {
      const message = `operator ${i} has the code ${code?.code ?? 'missing'}`;
      findings.push({ rule: 'operator-code', message });
      return [];
    }
    if (operator.optionsType !== OPERATORS[op].options) {
      const message = `${op} ${i} has options of type ${operator.optionsType}`;
      findings.push({ rule: 'operator-options', message });
    }
    const ids = [...operator.inputs, ...operator.outputs];
    if (ids.some((id) => id < 0 || id >= tensors.length)) {
      findings.push({ rule: 'dangling-tensor', message: `${op} ${i} refers to no tensor` });
      return [];
    }
    const pick = (list: number[]): TfliteTensor[] => list.map((id) => tensors[id] as TfliteTensor);
    return [
      {
        op,
        version: code.version,
        inputs: pick(operator.inputs),
        outputs: pick(operator.outputs),
        inputIds: operator.inputs,
        outputIds: operator.outputs,
        options: optionValues(op, operator),
      },
    ];
  });
}

function bufferFindings(model: ReadModel): Finding[] {
  const findings: Finding[] = [];
  if (model.buffers[0]?.data.length !== 0) {
    findings.push({ rule: 'buffer-0', message: 'buffer 0 must exist and be empty' });
  }
  model.buffers.forEach(({ offset, data }, i) => {
    if (data.length === 0 || offset % BUFFER_ALIGNMENT === 0) return;
    const message = `buffer ${i} begins at byte ${offset}, not at a multiple of ${BUFFER_ALIGNMENT}`;
    findings.push({ rule: 'buffer-alignment', message });
  });
  return findings;
}

function tensorBufferFindings(model: ReadModel, graph: ReadSubgraph): Finding[] {
  const findings: Finding[] = [];
  graph.tensors.forEach((tensor, i) => {
    const type = typeNames.get(tensor.type);
    const buffer = model.buffers[tensor.buffer];
    if (!buffer) {
      findings.push({ rule: 'tensor-buffer', message: `tensor ${i} has no buffer` });
      return;
    }
    const expected = elementCount(tensor.shape) * ELEMENT_BYTES[type ?? 'FLOAT32'];
    if (tensor.buffer === 0 || buffer.data.length === expected) return;
    const message = `tensor ${i} [${tensor.shape}] has ${buffer.data.length} bytes for ${expected}`;
    findings.push({ rule: 'buffer-size', message });
  });
  return findings;
}

/** Every tensor that is read is an input, a constant or made before; every tensor is used. */
function flowFindings(graph: ReadSubgraph, operators: readonly LintedOperator[]): Finding[] {
  const findings: Finding[] = [];
  const ready = new Set(graph.inputs);
  const used = new Set([...graph.inputs, ...graph.outputs]);
  graph.tensors.forEach((tensor, i) => {
    if (tensor.buffer > 0) ready.add(i);
  });
  for (const { op, inputIds, outputIds } of operators) {
    for (const id of inputIds) {
      used.add(id);
      if (ready.has(id)) continue;
      findings.push({
        rule: 'dangling-tensor',
        message: `${op} reads tensor ${id} before it is made`,
      });
    }
    for (const id of outputIds) {
      used.add(id);
      ready.add(id);
    }
  }
  for (const id of graph.outputs) {
    if (!ready.has(id)) {
      findings.push({ rule: 'dangling-tensor', message: `output tensor ${id} is never made` });
    }
  }
  graph.tensors.forEach((tensor, i) => {
    if (used.has(i)) return;
    const message = `tensor ${i} ${tensor.name} is neither read nor written`;
    findings.push({ rule: 'dangling-tensor', message });
  });
  return findings;
}

function signatureFindings(model: ReadModel): Finding[] {
  const signature = model.signatures.find(({ key }) => key === SIGNATURE_KEY);
  if (!signature) return [{ rule: 'signature', message: `no signature ${SIGNATURE_KEY}` }];
  const findings: Finding[] = [];
  const sides = [
    ['inputs', signature.inputs, model.inputs],
    ['outputs', signature.outputs, model.outputs],
  ] as const;
  for (const [side, ports, tensors] of sides) {
    const listed = ports.map((port) => port.tensor).sort((a, b) => a - b);
    if (String(listed) !== String([...tensors].sort((a, b) => a - b))) {
      const message = `the signature's ${side} are not those of the graph`;
      findings.push({ rule: 'signature', message });
    }
    for (const { name, tensor } of ports) {
      if (name !== '' && model.tensors[tensor]?.name === name) continue;
      const message = `${side}: the signature says ${name}, the tensor ${model.tensors[tensor]?.name}`;
      findings.push({ rule: 'port-name', message });
    }
    if (new Set(ports.map((port) => port.name)).size !== ports.length) {
      findings.push({ rule: 'port-name', message: `two ${side} have one name` });
    }
  }
  return findings;
}

function statedRuntime(model: ReadModel): string {
  const entry = model.metadata.find(({ name }) => name === RUNTIME_METADATA);
  const stored = entry && model.buffers[entry.buffer]?.data;
  return stored ? new TextDecoder().decode(stored).replaceAll('\0', '') : '';
}

function runtimeFindings(model: ReadModel): Finding[] {
  if (/^\d+\.\d+\.\d+$/.test(statedRuntime(model))) return [];
  return [{ rule: 'min-runtime', message: `${RUNTIME_METADATA} is missing or unreadable` }];
}

function versionFindings(model: ReadModel, operators: readonly LintedOperator[]): Finding[] {
  const findings: Finding[] = [];
  const stated = statedRuntime(model);
  for (const use of operators) {
    const needed = requiredVersion(use);
    const shapes = use.inputs.map(({ type, shape }) => `${type}[${shape}]`).join(', ');
    if (use.version < needed) {
      const message = `${use.op} of ${shapes} needs version ${needed}, the file says ${use.version}`;
      findings.push({ rule: 'operator-version', message });
    }
    const since = runtimeOf(use, Math.max(needed, use.version));
    if (since === undefined) {
      const message = `${use.op} version ${use.version} is not known`;
      findings.push({ rule: 'operator-version', message });
    } else if (stated && olderRuntime(stated, since)) {
      const message = `${use.op} of ${shapes} needs runtime ${since}, the file says ${stated}`;
      findings.push({ rule: 'min-runtime', message });
    }
  }
  return findings;
}

/**
 * All broken rules of a file; an empty list is a clean file.
 * @throws EdgeloomError `bad-model-file` when the bytes cannot be read at all
 */
export function lintTflite(bytes: Uint8Array): Finding[] {
  const model = readModel(bytes);
  const findings: Finding[] = [];
  if (model.version !== SCHEMA_VERSION) {
    findings.push({ rule: 'schema-version', message: `schema version ${model.version}` });
  }
  findings.push(...bufferFindings(model), ...signatureFindings(model));
  const subgraphs = [model, ...model.functions].map((graph) => {
    const found: Finding[] = [];
    const tensors = namedTensors(model, graph, found);
    const operators = namedOperators(model, graph, tensors, found);
    const pick = (ids: readonly number[]): TfliteTensor[] => ids.flatMap((id) => tensors[id] ?? []);
    found.push(
      ...tensorBufferFindings(model, graph),
      ...flowFindings(graph, operators),
      ...versionFindings(model, operators),
      ...quantizationFindings(tensors, operators),
      ...storageFindings(tensors, operators),
    );
    return { found, operators, inputs: pick(graph.inputs), outputs: pick(graph.outputs) };
  });
  subgraphs.forEach(({ found }, number) => {
    const where = number === 0 ? '' : `subgraph ${number}: `;
    findings.push(...found.map(({ rule, message }) => ({ rule, message: `${where}${message}` })));
  });
  return [...findings, ...runtimeFindings(model), ...loopFindings(subgraphs)];
}
