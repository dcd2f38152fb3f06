// Rules of the house that no linter knows: file lengths, a README per folder, file sizes, tests that run.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file && existsSync(join(root, file)));
const faults = [];

const MAX_LINES = 400;
const MAX_BYTES = 1_500_000;
const lines = [];
for (const file of tracked) {
  if (statSync(join(root, file)).size > MAX_BYTES) faults.push(`${file}: over 1.5 MB`);
  if (!/\.(ts|mjs|sql)$/.test(file)) continue;
  const text = readFileSync(join(root, file), 'utf8');
  const count = text.split('\n').length;
  lines.push(count);
  if (count > MAX_LINES) faults.push(`${file}: ${count} lines; over ${MAX_LINES} is two files`);
  if (/\.test\.ts$/.test(file) && !/expect|assert/.test(text))
    faults.push(`${file}: expects nothing`);
  if (/\b(it|test|describe)\.(only|todo)\b/.test(text))
    faults.push(`${file}: has a test marked only or todo`);
}
const { folders } = JSON.parse(readFileSync(join(root, 'test', 'check', 'folders.json'), 'utf8'));
for (const folder of folders) {
  if (!existsSync(join(root, folder, 'README.md'))) faults.push(`${folder}/: has no README.md`);
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
lines.sort((a, b) => a - b);
const at = (share) => lines[Math.floor((lines.length - 1) * share)];
console.log(`${lines.length} source files, median ${at(0.5)} lines, p90 ${at(0.9)}`);
