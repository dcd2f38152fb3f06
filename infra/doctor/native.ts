/** Checks of the native parts that edgeloom sets up or loads. */
import { relative } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { findOnPath, lastLines, runCommand } from '../shared/command.ts';
import { findInstalledTemporal } from '../temporal/binary.ts';
import { probeServer } from '../temporal/connect.ts';
import { findLayout, hasAddon, hasLibrary, hasLinks, type Layout } from '../tensorflow/layout.ts';
import { TENSORFLOW_VERSION } from '../tensorflow/platforms.ts';
import { gpuEnvironment } from '../tensorflow/prepare.ts';
import { probe, probeFinding } from './probe.ts';
import type { Check, DoctorOptions, Finding } from './types.ts';

const SET_UP = 'run edgeloom doctor --fix';
const CONNECT_MS = 5_000;

/** A finding from an error that says how to mend itself. */
function fromError(error: unknown): Finding {
  if (!(error instanceof EdgeloomError)) throw error;
  return {
    state: 'missing',
    detail: error.message,
    fix: error.fix ?? 'see the message',
    ...(error.where ? { from: error.where } : {}),
  };
}

/** Looks at one thing of the layout; the layout itself may be impossible on this machine. */
function ofLayout(env: DoctorOptions['env'], look: (layout: Layout) => Finding): Finding {
  try {
    return look(findLayout({ env }));
  } catch (error) {
    return fromError(error);
  }
}

function lookAtLibrary(layout: Layout): Finding {
  const from = layout.deps;
  if (hasLibrary(layout)) return { state: 'ok', version: TENSORFLOW_VERSION, from };
  return { state: 'missing', from, detail: 'not unpacked, or damaged', fix: SET_UP };
}

function lookAtAddon(layout: Layout): Finding {
  const from = layout.addon;
  if (!hasAddon(layout)) return { state: 'missing', from, detail: 'not compiled', fix: SET_UP };
  if (!hasLinks(layout)) {
    const detail = `not linked into ${relative(process.cwd(), layout.packageFolder)}`;
    return { state: 'missing', from, detail, fix: SET_UP };
  }
  return { state: 'ok', version: layout.packageVersion, from };
}

/** Whether TensorFlow multiplies two matrices in a process of its own. */
async function lookAtBackend(env: DoctorOptions['env']): Promise<Finding> {
  const layout = findLayout({ env });
  const { packageName, gpu } = layout.platform;
  if (!hasLibrary(layout) || !hasAddon(layout) || !hasLinks(layout)) {
    return { state: 'missing', detail: 'its library or addon is missing', fix: SET_UP };
  }
  const result = await probe('tensorflow', [packageName], { ...env, ...gpuEnvironment(layout) });
  if ('failure' in result) {
    return {
      state: 'broken',
      from: packageName,
      detail: result.failure,
      fix: `remove ${layout.root} and run edgeloom doctor --fix`,
    };
  }
  const { version, gpu: usesGpu } = result.answer;
  const detail = usesGpu ? 'a matrix product ran on the GPU' : 'a matrix product ran';
  if (gpu && !usesGpu) {
    return {
      state: 'broken',
      from: packageName,
      detail: 'TensorFlow does not see the GPU',
      fix: 'check the driver with nvidia-smi, or unset EDGELOOM_GPU',
    };
  }
  return { state: 'ok', from: packageName, detail, ...(version ? { version } : {}) };
}

async function lookAtGpu(env: DoctorOptions['env']): Promise<Finding> {
  const program = findOnPath('nvidia-smi', env);
  const fix = 'install the NVIDIA driver, or unset EDGELOOM_GPU';
  if (!program) return { state: 'missing', detail: 'no nvidia-smi on the PATH', fix };
  const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
  const result = await runCommand(program, query, { env, timeoutMs: 20_000 });
  if (result.code !== 0) {
    return { state: 'broken', from: program, detail: lastLines(result, 1), fix };
  }
  return { state: 'ok', from: program, detail: result.stdout.trim().replaceAll('\n', '; ') };
}

async function lookAtTemporal(env: DoctorOptions['env']): Promise<Finding> {
  const address = env.TEMPORAL_ADDRESS;
  if (address) {
    try {
      const namespace = env.TEMPORAL_NAMESPACE ?? 'default';
      const version = await probeServer(address, namespace, CONNECT_MS);
      return { state: 'ok', version, from: `TEMPORAL_ADDRESS ${address}` };
    } catch (error) {
      const detail = (error as Error).message;
      return {
        state: 'broken',
        from: `TEMPORAL_ADDRESS ${address}`,
        detail,
        fix: (error instanceof EdgeloomError && error.fix) || 'start that server, or unset it',
      };
    }
  }
  const notes: string[] = [];
  const found = await findInstalledTemporal(env, notes);
  if (found) {
    return { state: 'ok', version: found.serverVersion, from: `${found.source}: ${found.path}` };
  }
  return { state: 'missing', detail: notes.join('; '), fix: SET_UP };
}

export function nativeChecks(options: DoctorOptions): Check[] {
  const { env } = options;
  const tensorflowNeeded = env.EDGELOOM_BACKEND !== 'cpu';
  return [
    {
      name: 'tensorflow-library',
      needed: tensorflowNeeded,
      look: () => ofLayout(env, lookAtLibrary),
    },
    { name: 'tensorflow-addon', needed: tensorflowNeeded, look: () => ofLayout(env, lookAtAddon) },
    {
      name: 'tensorflow-backend',
      needed: tensorflowNeeded,
      look: () => lookAtBackend(env).catch(fromError),
    },
    ...(env.EDGELOOM_GPU === '1'
      ? [{ name: 'gpu', needed: true, look: () => lookAtGpu(env) }]
      : []),
    { name: 'temporal-server', needed: true, look: () => lookAtTemporal(env) },
    ...(['duckdb', 'onnxruntime', 'litert'] as const).map((name) => ({
      name,
      needed: true,
      look: () => probeFinding(name, env, 'npm'),
    })),
  ];
}
