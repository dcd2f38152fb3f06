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
  /** For progress and the check of free space. */
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

/**
 * What NVIDIA publishes apart, in the versions that TensorFlow's wheel asks for, the compiler left out.
 * All go into `lib/`: TensorFlow and these libraries look beside themselves first. Sizes are rounded.
 */
function nvidiaWheel(part: string, version: string, megabytes: number, sha256: string): Wheel {
  const name = `nvidia-${part.replaceAll('_', '-')}-cu12`;
  return {
    name,
    version,
    file: `${name.replaceAll('-', '_')}-${version}-py3-none-manylinux1_x86_64.whl`,
    sha256,
    // They fit every Python 3.
    tags: { platform: 'manylinux1_x86_64', python: '3', implementation: 'py', abi: 'none' },
    sizeBytes: megabytes * 1e6,
    take: [{ from: `nvidia/${part}/lib/`, to: 'lib/' }],
  };
}

const NVIDIA_WHEELS: readonly Wheel[] = [
  ['cublas', '12.2.5.6', 418, 'f448d8db463f9a2c7dd9a1e607c0961d3e95f825b86839c5882f7d073d406df0'],
  [
    'cuda_cupti',
    '12.2.142',
    14,
    'ce68d1009dd14215e38ed49643d31374c71d6fea381181cb0b9da7f19dfd1624',
  ],
  [
    'cuda_nvrtc',
    '12.2.140',
    24,
    'b1cdcae6443cb7cdcfb5d1bf51896a148c9f82f9e65b27db9ab095eaed689aa7',
  ],
  [
    'cuda_runtime',
    '12.2.140',
    1,
    'acb9cb7e44594a3512533497ea790d9f0b0e399abcc888584c157d1ffa080e41',
  ],
  ['cudnn', '8.9.4.25', 720, '9f882d5b11753c566fd32427839089eb4f8ba7a58c28446ad359e32c40229723'],
  ['cufft', '11.0.8.103', 99, '72e961e578f9be9e316ccb4db8652c421dd0b57442624faa71061d452f449a67'],
  ['curand', '10.3.3.141', 57, '7b6bad6817b5df2a6f5ec221206fb895d9195fdd7d2443f3e86554108c141a0a'],
  [
    'cusolver',
    '11.5.2.141',
    125,
    '5a85c4653ce34339a5688137f494a0f903e0f0532418550998167f00844161da',
  ],
  [
    'cusparse',
    '12.1.2.141',
    196,
    '4e13d6a51d2303dcb2a023ba09546811161f0334fc64e13689397bbd3b1eb126',
  ],
  ['nccl', '2.16.5', 189, '84695a4248138fb2ca12f5fd3defe986e790e71ccdaad51b2ca34ca4e83ef421'],
  ['nvjitlink', '12.2.140', 20, '95635cafbf9f96c38bea5200ab145a2e6aefbb5405e0b04c1e4ba54df2d84ec9'],
].map((row) => nvidiaWheel(...(row as [string, string, number, string])));

export const PLATFORMS: readonly Platform[] = [
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
    key: 'linux-x64-gpu',
    packageName: '@tensorflow/tfjs-node-gpu',
    gpu: true,
    wheels: [
      {
        name: 'tensorflow',
        version: TENSORFLOW_VERSION,
        file: 'tensorflow-2.15.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
        sha256: 'bb0edd69103c154245c5f209f0507355cc68ba7e4de350084bc31edc562478e4',
        tags: { platform: 'manylinux2014_x86_64', ...CP311 },
        sizeBytes: 475_258_663,
        take: tensorflowEntries(LINUX_LIBRARIES),
      },
      ...NVIDIA_WHEELS,
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

/** Arguments of python3 that download a wheel into a folder. */
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
