// `npm test`: sets the native parts up (with progress), runs vitest, ends with "N passed, N failed".
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

register();
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { prepareForTests } = await import('./prepare.ts');
await prepareForTests((line) => console.error(line));

const folder = mkdtempSync(join(tmpdir(), 'edgeloom-test-'));
const report = join(folder, 'report.json');
let exitCode = 1;
try {
  const { status } = spawnSync(
    join(root, 'node_modules', '.bin', 'vitest'),
    [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  for (const { assertionResults } of testResults) {
    for (const { status: state, fullName } of assertionResults) {
      if (state === 'skipped' || state === 'pending') console.log(`skipped: ${fullName}`);
    }
  }
  // A file that cannot be loaded has no tests and is a failure all the same.
  const broken = testResults.filter(
    ({ status: state, assertionResults }) => state === 'failed' && assertionResults.length === 0,
  ).length;
  const failed = numFailedTests + broken;
  exitCode = status === 0 && failed === 0 && numPassedTests > 0 ? 0 : 1;
  const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
  console.log(`${numPassedTests} passed, ${failed}  failed${skipped}`.replace('  ', ' '));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(exitCode);
