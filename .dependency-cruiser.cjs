/** Import rules: dependencies point one way. Run by test/check/imports.mjs. */
const only = (folder, allowed, comment) => ({
  name: `${folder}-imports`,
  comment,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: '\\.test\\.ts$' },
  to: {
    path: '^[a-z]+/',
    pathNot: [`^${folder}/`, '^node_modules/', ...allowed.map((name) => `^${name}`)],
    // `fs/promises` looks like a folder.
    dependencyTypesNot: ['core'],
  },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies',
      comment: 'what runs in production may not need packages of development',
      severity: 'error',
      from: { pathNot: ['\\.test\\.ts$', '/test-[^/]+\\.ts$', '^test/', '^bench/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    only('lib', [], 'helpers know nobody'),
    only('compiler', ['lib/'], 'compiler ← models ← export'),
    only(
      'models',
      ['lib/', 'compiler/trace/(composite|raw-op)\\.ts$', 'compiler/tensorflow/index\\.ts$'],
      'a model is pure functions of tensors; of the compiler it knows operations and training',
    ),
    only('device', [], 'what a phone runs: it interprets a bundle and knows nobody'),
    only('data', ['lib/', 'device/features/'], 'beside models; one meaning of a feature'),
    only(
      'simulator',
      ['lib/', 'data/contracts/', 'device/'],
      'writes device logs, knows no pipeline; its phones may be the device runtime',
    ),
    only(
      'export',
      ['lib/', 'compiler/', 'models/', 'data/contracts/'],
      'compiler ← models ← export',
    ),
    only(
      'activities',
      ['lib/', 'data/', 'models/', 'export/', 'compiler/'],
      'where stages meet Temporal',
    ),
    only('infra', ['lib/', 'workflows/search-attributes'], 'servers and native libraries'),
    {
      name: 'workflows-imports',
      comment: 'workflow code runs in a sandbox: Temporal, its own folder and types only',
      severity: 'error',
      from: { path: '^workflows/', pathNot: '\\.test\\.ts$' },
      to: {
        pathNot: ['^workflows/', '^node_modules/@temporalio/(workflow|common)/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'infra-is-for-the-command-line',
      severity: 'error',
      from: { pathNot: ['^infra/', '^cli/', '^test/', '^bench/', '\\.test\\.ts$'] },
      to: { path: '^infra/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['edgeloom-source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
