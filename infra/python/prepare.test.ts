import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import { ENVIRONMENTS } from './environments.ts';
import { ensurePython } from './prepare.ts';

const scratch = scratchFolder(afterAll);
let count = 0;

/** A machine whose python3 makes environments in which pip does as told. */
interface Machine {
  bin: string;
  /** <cache>/python */
  root: string;
  log: string;
  env: Record<string, string>;
}

/** Shell code of a Python: `-c` tells its version, `-m venv` makes a folder with a Python of its own. */
const PYTHON = (machine: Machine, version: string, pip: string): string => `
if [ "$1" = -c ]; then echo ${version}; exit 0; fi
mkdir -p "$3/bin"
cat > "$3/bin/python" <<'END'
#!/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
echo "$@" >> ${machine.log}
${pip}
END
chmod +x "$3/bin/python"`;

function install(machine: Machine, { version = '3.11', pip = 'exit 0', name = 'python3' } = {}) {
  writeProgram(join(machine.bin, name), PYTHON(machine, version, pip));
}

const installations = ({ log }: Machine): number =>
  existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;

let machine: Machine;
beforeEach(() => {
  count += 1;
  const home = join(scratch, `machine-${count}`);
  const [bin, cache, log] = [join(home, 'bin'), join(home, 'cache'), join(home, 'log')];
  machine = { bin, root: join(cache, 'python'), log, env: { PATH: bin, EDGELOOM_CACHE: cache } };
  install(machine);
});

describe('setting up', () => {
  test('installs the pinned packages into a folder of the cache and says so', async () => {
    install(machine, { pip: 'echo "  Downloading onnx-1.whl (17 MB)"' });
    const messages: string[] = [];
    const path = await ensurePython('side-check', {
      env: machine.env,
      onProgress: ({ message }) => messages.push(message),
    });
    expect(path).toMatch(/python\/side-check-[0-9a-f]{8}\/bin\/python$/);
    expect(existsSync(path)).toBe(true);
    const [arguments_] = readFileSync(machine.log, 'utf8').trim().split('\n');
    expect(arguments_).toContain(ENVIRONMENTS['side-check'].packages.join(' '));
    expect(messages[0]).toContain('side-check: installing');
    expect(messages).toContain('side-check: Downloading onnx-1.whl (17 MB)');
  });

  test('does nothing, and needs no program, when it is there', async () => {
    const first = await ensurePython('old-phone', { env: machine.env });
    const again = await ensurePython('old-phone', { env: { ...machine.env, PATH: '' } });
    expect(again).toBe(first);
    expect(installations(machine)).toBe(1);
  });

  test('two at once install once', async () => {
    install(machine, { pip: 'sleep 0.3' });
    const both = await Promise.all([1, 2].map(() => ensurePython('old-phone', machine)));
    expect(new Set(both).size).toBe(1);
    expect(installations(machine)).toBe(1);
    expect(readdirSync(machine.root)).toHaveLength(1);
  });

  test('takes another Python of the PATH when python3 is too new', async () => {
    install(machine, { version: '3.14', pip: 'exit 1' });
    install(machine, { version: '3.10', name: 'python3.10' });
    expect(await ensurePython('tensorflow', machine)).toContain('/tensorflow-');
  });

  test('pins every package to one version', () => {
    for (const { packages } of Object.values(ENVIRONMENTS)) {
      for (const name of packages) expect(name).toMatch(/^[a-z-]+==\d+(\.\d+)+$/);
    }
  });
});

describe('faults', () => {
  test('a set-up that was killed is not taken for a finished one, and is removed', async () => {
    const finished = await ensurePython('old-phone', machine);
    const folder = join(finished, '..', '..');
    const left = `${folder}.partial-abcdef`;
    mkdirSync(join(left, 'bin'), { recursive: true });
    writeFileSync(join(left, 'bin', 'python'), '');
    rmSync(folder, { recursive: true });
    await ensurePython('old-phone', machine);
    expect(existsSync(left)).toBe(false);
    expect(installations(machine)).toBe(2);
  });

  test('an environment whose Python is gone is made again', async () => {
    const path = await ensurePython('old-phone', machine);
    rmSync(path);
    expect(await ensurePython('old-phone', machine)).toBe(path);
    expect(installations(machine)).toBe(2);
  });

  test('what pip said is told, and nothing is left', async () => {
    install(machine, { pip: 'echo "ERROR: no matching distribution" >&2; exit 1' });
    const error = await rejection(ensurePython('side-check', machine));
    expect(error).toMatchObject({ code: 'python-packages-failed', exitCode: 3 });
    expect(error.message).toContain('no matching distribution');
    expect(error.fix).toContain('PIP_NO_INDEX');
    expect(readdirSync(machine.root)).toEqual([]);
  });

  test('a Python without venv is told', async () => {
    writeProgram(
      join(machine.bin, 'python3'),
      'if [ "$1" = -c ]; then echo 3.11; exit 0; fi\necho "ensurepip is not available"; exit 1',
    );
    const error = await rejection(ensurePython('side-check', machine));
    expect(error).toMatchObject({ code: 'venv-missing', exitCode: 3 });
    expect(error.message).toContain('ensurepip is not available');
    expect(readdirSync(machine.root)).toEqual([]);
  });

  test('no fitting Python is told with what is there instead', async () => {
    install(machine, { version: '3.14' });
    const error = await rejection(ensurePython('old-phone', machine));
    expect(error).toMatchObject({ code: 'python-missing', exitCode: 3 });
    expect(error.message).toBe('Python 3.9 to 3.11 is needed and not there (python3 is 3.14)');
    rmSync(join(machine.bin, 'python3'));
    expect((await rejection(ensurePython('old-phone', machine))).code).toBe('python-missing');
  });

  test('cancelling ends pip and leaves nothing', async () => {
    install(machine, { pip: 'exec sleep 600' });
    const controller = new AbortController();
    const running = ensurePython('side-check', {
      env: machine.env,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(await rejection(running)).toMatchObject({ code: 'cancelled', exitCode: 130 });
    expect(readdirSync(machine.root)).toEqual([]);
  });
});
