// Checks the import rules of .dependency-cruiser.cjs and that modules were really cruised.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { folders } = JSON.parse(readFileSync(join(root, 'test', 'check', 'folders.json'), 'utf8'));
const { stdout, stderr } = spawnSync(
  join(root, 'node_modules', '.bin', 'depcruise'),
  ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...folders],
  { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
);
if (!stdout) {
  console.error(stderr);
  process.exit(1);
}
const { summary, modules } = JSON.parse(stdout);
const ours = modules.filter(({ source }) => /^[a-z]+\/.*\.ts$/.test(source));
const links = ours.reduce((count, { dependencies }) => count + dependencies.length, 0);
for (const { rule, from, to, cycle } of summary.violations) {
  const path = cycle ? cycle.map(({ name }) => name).join(' → ') : to;
  console.error(`${rule.severity} ${rule.name}: ${from} → ${path}`);
}
if (summary.error > 0) process.exit(1);
// A parser that does not understand our TypeScript cruises nothing and finds no fault.
if (ours.length === 0 || links < ours.length) {
  console.error(
    `only ${ours.length} modules with ${links} imports were seen: the parser is broken`,
  );
  process.exit(1);
}
console.log(`${ours.length} modules, ${links} imports, no rule broken`);
