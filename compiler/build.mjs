// `npm run build`: the compiler as JavaScript with types, for those who install the package. Packages
// stay imports, so that tfjs is the user's own.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, '..', 'dist');
rmSync(dist, { recursive: true, force: true });
await build({
  entryPoints: [join(here, 'index.ts')],
  outfile: join(dist, 'compiler', 'index.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
});
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(
  process.execPath,
  [tsc, '-p', join(here, 'tsconfig.declarations.json')],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
