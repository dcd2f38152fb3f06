// Makes the bundle of some entries with esbuild: modules of ours in few files, packages outside.
import { createRequire } from 'node:module';
import { basename, dirname, extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packageState } from './packages.mjs';
import { see } from './seen-files.mjs';

const LOADERS = { '.ts': 'ts', '.mts': 'ts', '.js': 'js', '.mjs': 'js', '.json': 'json' };

/**
 * @param entries absolute paths of modules
 * @param folder where the bundle will lie
 * @returns `files`: `{ path, contents }` to be written; `modules`: entry → its file; `inputs`: the files
 *   that were read, as `see` remembers them; `packages`: as `packageState` tells them
 */
export async function buildBundle(entries, folder) {
  const require = createRequire(import.meta.url);
  const esbuild = require('esbuild');
  const inputs = new Map();
  const packages = new Map();
  const remember = (path) => {
    const { bytes, seen } = see(path);
    inputs.set(path, seen);
    return bytes;
  };
  try {
    const { outputFiles, metafile } = await esbuild.build({
      entryPoints: entries,
      outdir: folder,
      outbase: dirname(dirname(fileURLToPath(import.meta.url))),
      entryNames: '[name]-[hash]',
      outExtension: { '.js': '.mjs' },
      absWorkingDir: folder,
      bundle: true,
      splitting: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: `node${process.versions.node}`,
      // Names of functions and classes are read: by error reports, by tfjs.
      keepNames: true,
      sourcemap: 'linked',
      sourcesContent: false,
      logLevel: 'silent',
      // A tsconfig.json above the sources has no say.
      tsconfigRaw: { compilerOptions: { target: 'ES2022', verbatimModuleSyntax: true } },
      define: { 'import.meta.url': 'sourceUrlOfModule' },
      plugins: [{ name: 'edgeloom', setup: (build) => setUp(build, { remember, packages }) }],
    });
    // A change of the bundler, of the packages' versions or of this code makes another bundle.
    const ownFiles = ['build.mjs', 'packages.mjs', 'bundles.mjs'];
    for (const name of ownFiles) remember(fileURLToPath(new URL(name, import.meta.url)));
    remember(require.resolve('esbuild/package.json'));
    const modules = {};
    for (const [output, { entryPoint }] of Object.entries(metafile.outputs)) {
      const module = entryPoint && resolve(folder, entryPoint);
      if (entries.includes(module)) modules[module] = basename(output);
    }
    const files = outputFiles.map(({ path, contents, text }) => ({
      path,
      contents: path.endsWith('.map') ? withSourceUrls(text, dirname(path)) : contents,
    }));
    return { files, modules, inputs: [...inputs.values()], packages: [...packages.values()] };
  } finally {
    await esbuild.stop();
  }
}

function setUp(build, { remember, packages }) {
  build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
    if (kind === 'entry-point' || path.startsWith('node:')) return undefined;
    const state = packageState(path);
    packages.set(path, state);
    const [, url, isCommonJs] = state;
    if (url === null) return { path, external: true };
    if (!isCommonJs) return { path: url, external: true };
    return { path: url, namespace: kind === 'dynamic-import' ? 'commonjs-later' : 'commonjs' };
  });
  // Node's `import` of CommonJS searches its text for names, which takes longer than to load it.
  const load = (url) =>
    `createRequire(${JSON.stringify(url)})(${JSON.stringify(fileURLToPath(url))})`;
  build.onLoad({ filter: /.*/, namespace: 'commonjs' }, ({ path }) => ({
    contents: `import { createRequire } from 'node:module'; module.exports = ${load(path)};`,
  }));
  // A module with an export `then` is one that `await import()` asks for what it resolves to: so a
  // module can have names that are known only when it runs.
  build.onLoad({ filter: /.*/, namespace: 'commonjs-later' }, ({ path }) => ({
    contents: `
      import { createRequire } from 'node:module';
      const exported = ${load(path)};
      const { then: _, ...names } = { ...exported, default: exported };
      export const then = (resolve) => resolve(names);`,
  }));
  build.onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) => {
    const loader = LOADERS[extname(path)];
    if (!loader) throw new Error(`no loader for ${path}`);
    const text = remember(path).toString('utf8');
    if (/\bimport\.meta(?!\.url\b)/.test(text))
      throw new Error(`${path}: of import.meta, a bundle knows the URL only`);
    if (!text.includes('import.meta.url')) return { contents: text, loader };
    // In the first line, so that the others keep their numbers.
    const url = JSON.stringify(pathToFileURL(path).href);
    return { contents: `const sourceUrlOfModule = ${url}; ${text}`, loader };
  });
}

/** Sources as URLs: relative paths would be wrong where the cache is reached over a link. */
function withSourceUrls(text, folder) {
  const map = JSON.parse(text);
  map.sources = map.sources.map((source) => pathToFileURL(resolve(folder, source)).href);
  return JSON.stringify(map);
}
