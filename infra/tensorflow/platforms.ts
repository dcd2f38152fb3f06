/** What each platform needs: one table, one code path. */
import { EdgeloomError } from '../../lib/errors.ts';

export const TENSORFLOW_VERSION = '2.15.1';

/** A wheel of the Python package index, pinned by its bytes. */
export interface Wheel {
  /** Name of the distribution: `tensorflow-cpu`. */
  name: string;
  version: string;
  file: string;
  sha256: string;
  /** Tags for `pip download`, given explicitly so that any pip and any Python will do. */
  tags: { platform: string; python: string; implementation: string; abi: string };
  sizeBytes: number;
  /** Entries to unpack: `from` is a prefix inside the wheel, `to` the folder or file under `deps/`. */
  take: readonly { from: string; to: string }[];
}

export interface Platform {
  /** `linux-x64`, `linux-x64-gpu` … : also the end of the cache folder's name. */
  key: string;
  packageName: '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu';
  gpu: boolean;
  /** The first holds TensorFlow; the rest, on a GPU, what NVIDIA publishes apart. */
  wheels: readonly [Wheel, ...Wheel[]];
  /** File names under `deps/lib/`. */
  libraries: readonly [cc: string, framework: string];
  /** Tried in this order after `$CXX`. */
  compilers: readonly string[];
  /** Flags that make a loadable module and let it find `deps/lib` from `<addon folder>/napi-v8`. */
  linkFlags: readonly string[];
}

const CP311 = { python: '311', implementation: 'cp', abi: 'cp311' } as const;
/** NVIDIA's wheels fit every Python 3. */
const PY3 = { python: '3', implementation: 'py', abi: 'none' } as const;

const LINUX_LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;
const MAC_LIBRARIES = ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'] as const;
const LINUX_LINK = ['-shared', '-fPIC', '-Wl,-rpath,$ORIGIN/../../deps/lib'] as const;
// N-API's symbols come from the node binary when the addon is loaded.
const MAC_LINK = [
  '-bundle',
  '-undefined',
  'dynamic_lookup',
  '-Wl,-rpath,@loader_path/../../deps/lib',
] as const;

/** The libraries and the few folders of headers that the addon includes: 4 MB of 155 MB. */
function tensorflowEntries(libraries: readonly string[]): Wheel['take'] {
  return [
    ...libraries.map((name) => ({ from: `tensorflow/${name}`, to: `lib/${name}` })),
    ...['tensorflow/c/', 'tensorflow/core/platform/', 'tsl/c/', 'tsl/platform/'].map((folder) => ({
      from: `tensorflow/include/${folder}`,
      to: `include/${folder}`,
    })),
  ];
}

const PLATFORMS: readonly Platform[] = [
  {
    key: 'linux-x64',
    packageName: '@tensorflow/tfjs-node',
    gpu: false,
    wheels: [
      {
        name: 'tensorflow-cpu',
        version: TENSORFLOW_VERSION,
        file: 'tensorflow_cpu-2.15.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
        sha256: '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
        tags: { platform: 'manylinux2014_x86_64', ...CP311 },
        sizeBytes: 207_208_420,
        take: tensorflowEntries(LINUX_LIBRARIES),
      },
    ],
    libraries: LINUX_LIBRARIES,
    compilers: ['g++', 'clang++', 'c++'],
    linkFlags: LINUX_LINK,
  },
  {
    key: 'linux-arm64',
    packageName: '@tensorflow/tfjs-node',
    gpu: false,
    wheels: [
      {
        // `tensorflow` for this platform is an empty wheel that depends on this one.
        name: 'tensorflow-cpu-aws',
        version: TENSORFLOW_VERSION,
        file: 'tensorflow_cpu_aws-2.15.1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl',
        sha256: 'd4c3a3a9363bf42999adedbbd514e3a133be2d62f61fee9cfa46aaefb087c09e',
        tags: { platform: 'manylinux2014_aarch64', ...CP311 },
        sizeBytes: 211_874_120,
        take: tensorflowEntries(LINUX_LIBRARIES),
      },
    ],
    libraries: LINUX_LIBRARIES,
    compilers: ['g++', 'clang++', 'c++'],
    linkFlags: LINUX_LINK,
  },
  {
    key: 'darwin-arm64',
    packageName: '@tensorflow/tfjs-node',
    gpu: false,
    wheels: [
      {
        // From 2.15.1 on `tensorflow-macos` is an empty wheel; the libraries are in this one.
        name: 'tensorflow',
        version: TENSORFLOW_VERSION,
        file: 'tensorflow-2.15.1-cp311-cp311-macosx_12_0_arm64.whl',
        sha256: 'aa926114d1e13ffe5b2ea59c3f195216f26646d7fe36e9e5207b291e4b7902ff',
        tags: { platform: 'macosx_12_0_arm64', ...CP311 },
        sizeBytes: 205_736_374,
        take: tensorflowEntries(MAC_LIBRARIES),
      },
    ],
    libraries: MAC_LIBRARIES,
    compilers: ['clang++', 'g++', 'c++'],
    linkFlags: MAC_LINK,
  },
];

/** Node's names of a platform and what is wanted on it. */
export interface Target {
  platform: string;
  arch: string;
  gpu: boolean;
}

/** The table's row for a target. Throws `unsupported-platform` (exit code 3), which names the target. */
export function findPlatform(target: Target): Platform {
  const key = `${target.platform}-${target.arch}${target.gpu ? '-gpu' : ''}`;
  const found = PLATFORMS.find((platform) => platform.key === key);
  if (found) return found;
  throw new EdgeloomError({
    code: 'unsupported-platform',
    what: `There is no TensorFlow library for ${key}`,
    where: `supported: ${PLATFORMS.map((platform) => platform.key).join(', ')}`,
    fix: target.gpu
      ? 'unset EDGELOOM_GPU to train on the processor'
      : 'use one of these platforms (on Windows: WSL), or train small runs on the JavaScript backend',
    exitCode: 3,
  });
}

/** The ways pip names each of a platform's wheels, for messages and tests. */
export function pipArguments(wheel: Wheel, folder: string): string[] {
  const { platform, python, implementation, abi } = wheel.tags;
  return [
    ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:'],
    ...['--platform', platform, '--python-version', python],
    ...['--implementation', implementation, '--abi', abi],
    ...['--no-input', '--disable-pip-version-check', '--progress-bar', 'off', '--retries', '2'],
    ...['--dest', folder, `${wheel.name}==${wheel.version}`],
  ];
}
