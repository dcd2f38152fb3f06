import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256File } from '../../lib/hash.ts';
import { runCommand } from '../shared/command.ts';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import type { Platform } from './platforms.ts';
import {
  prepareTensorflow,
  prepareTensorflowOrFallback,
  type TensorflowOptions,
} from './prepare.ts';

// The program itself: version managers put slow scripts on the PATH.
const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
  encoding: 'utf8',
}).trim();
const scratch = scratchFolder(afterAll);
let count = 0;

/** A machine with a pip that serves our wheel, a compiler that writes a file, and one checkout. */
interface Machine {
  root: string;
  bin: string;
  cache: string;
  wheel: string;
  log: string;
  options: TensorflowOptions & { env: Record<string, string>; platform: Platform };
}

async function makeWheel(path: string, entries: Record<string, string>): Promise<void> {
  const script =
    'import json,sys,zipfile\nwith zipfile.ZipFile(sys.argv[1],"w") as z:\n' +
    '  for n,t in json.loads(sys.argv[2]).items(): z.writestr(n,t)';
  const result = await runCommand(python, ['-c', script, path, JSON.stringify(entries)]);
  if (result.code !== 0) throw new Error(result.stderr);
}

const ENTRIES = {
  'tensorflow/libtensorflow_cc.so.2': 'the library',
  'tensorflow/libtensorflow_framework.so.2': 'the framework',
  'tensorflow/include/tensorflow/c/c_api.h': '// header',
  'tensorflow/python/unwanted.py': 'no',
};

const PIP = (machine: { wheel: string; log: string }, download: string): string => `
if [ "$1" = -m ]; then
  [ "$3" = --version ] && exit 0
  echo "download" >> ${machine.log}
  while [ "$1" != --dest ]; do shift; done
  WHEEL=${machine.wheel}; DEST=$2
  ${download}
  exit $?
fi
exec ${python} "$@"`;

const COMPILER = `
while [ "$1" != -o ]; do shift; done
echo "$2" > /dev/null
printf addon > "$2"`;

async function makeMachine(entries: Record<string, string> = ENTRIES): Promise<Machine> {
  count += 1;
  const root = join(scratch, `machine-${count}`);
  const wheels = join(root, 'site');
  mkdirSync(wheels, { recursive: true });
  const file = 'tiny-1-py3-none-any.whl';
  const wheel = join(wheels, file);
  await makeWheel(wheel, entries);
  const packageFolder = join(root, 'node_modules', 'tfjs-node');
  mkdirSync(join(packageFolder, 'binding'), { recursive: true });
  writeFileSync(join(packageFolder, 'package.json'), '{"version":"4.22.0"}');
  writeFileSync(join(packageFolder, 'binding', 'a.cc'), '');
  const machine = {
    root,
    bin: join(root, 'bin'),
    cache: join(root, 'cache'),
    wheel,
    log: join(root, 'log'),
  };
  writeProgram(join(machine.bin, 'python3'), PIP(machine, 'cp "$WHEEL" "$DEST"'));
  writeProgram(join(machine.bin, 'g++'), COMPILER);
  const platform: Platform = {
    key: 'test-machine',
    packageName: '@tensorflow/tfjs-node',
    gpu: false,
    wheels: [
      {
        name: 'tiny',
        version: '1',
        file,
        sha256: await sha256File(wheel),
        tags: { platform: 'any', python: '3', implementation: 'py', abi: 'none' },
        sizeBytes: 100,
        take: [
          { from: 'tensorflow/libtensorflow_cc.so.2', to: 'lib/libtensorflow_cc.so.2' },
          {
            from: 'tensorflow/libtensorflow_framework.so.2',
            to: 'lib/libtensorflow_framework.so.2',
          },
          { from: 'tensorflow/include/tensorflow/c/', to: 'include/tensorflow/c/' },
        ],
      },
    ],
    libraries: ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
    compilers: ['g++'],
    linkFlags: [],
  };
  const env = { PATH: machine.bin, EDGELOOM_CACHE: machine.cache };
  return { ...machine, options: { env, packageFolder, platform } };
}

const cacheRoot = (machine: Machine): string =>
  join(machine.cache, 'tensorflow-2.15.1-test-machine');
const downloads = (machine: Machine): number =>
  existsSync(machine.log) ? readFileSync(machine.log, 'utf8').trim().split('\n').length : 0;

let machine: Machine;
beforeEach(async () => {
  machine = await makeMachine();
});

describe('setting up', () => {
  test('unpacks what is needed, compiles, and links it into the package', async () => {
    const messages: string[] = [];
    const ready = await prepareTensorflow({
      ...machine.options,
      onProgress: ({ message }) => messages.push(message),
    });
    expect(ready).toMatchObject({
      backend: 'tensorflow',
      did: 'downloaded',
      libraryVersion: '2.15.1',
    });
    expect(readFileSync(ready.library, 'utf8')).toBe('the library');
    expect(readFileSync(ready.addon, 'utf8')).toBe('addon');
    const { packageFolder } = machine.options;
    expect(readlinkSync(join(packageFolder!, 'deps'))).toBe(join(cacheRoot(machine), 'deps'));
    expect(existsSync(join(packageFolder!, 'lib/napi-v8/tfjs_binding.node'))).toBe(true);
    expect(existsSync(join(packageFolder!, 'deps/include/tensorflow/c/c_api.h'))).toBe(true);
    // Neither the wheel nor what nobody asked for stays.
    expect(readdirSync(join(cacheRoot(machine), 'deps')).sort()).toEqual([
      'include',
      'lib',
      'origin.json',
    ]);
    const steps = messages.map((message) => message.split(' ')[0]);
    expect([...new Set(steps)]).toEqual(['downloading', 'unpacking', 'compiling']);
  });

  test('does nothing, and needs no program, when all is in place', async () => {
    await prepareTensorflow(machine.options);
    const env = { ...machine.options.env, PATH: '' };
    expect((await prepareTensorflow({ ...machine.options, env })).did).toBe('nothing');
    expect(downloads(machine)).toBe(1);
  });

  test('only links into a second checkout', async () => {
    await prepareTensorflow(machine.options);
    const second = join(machine.root, 'second');
    mkdirSync(second);
    writeFileSync(join(second, 'package.json'), '{"version":"4.22.0"}');
    const ready = await prepareTensorflow({ ...machine.options, packageFolder: second });
    expect(ready.did).toBe('linked');
    expect(existsSync(join(second, 'lib/napi-v8/tfjs_binding.node'))).toBe(true);
  });

  test('compiles again for another version of the package', async () => {
    await prepareTensorflow(machine.options);
    writeFileSync(join(machine.options.packageFolder!, 'package.json'), '{"version":"4.23.0"}');
    const ready = await prepareTensorflow(machine.options);
    expect(ready.did).toBe('compiled');
    expect(ready.addon).toContain('addon-4.23.0');
    expect(downloads(machine)).toBe(1);
  });

  test('takes the wheel from EDGELOOM_WHEEL_DIR without pip', async () => {
    const env = { ...machine.options.env, EDGELOOM_WHEEL_DIR: join(machine.root, 'site') };
    expect((await prepareTensorflow({ ...machine.options, env })).did).toBe('downloaded');
    expect(downloads(machine)).toBe(0);
  });

  test('two at once download once', async () => {
    const both = await Promise.all([
      prepareTensorflow(machine.options),
      prepareTensorflow(machine.options),
    ]);
    expect(both.map((ready) => ready.did).sort()).toEqual(['downloaded', 'nothing']);
    expect(downloads(machine)).toBe(1);
  });
});

describe('faults', () => {
  test('a wheel with a wrong checksum is refused and leaves nothing', async () => {
    await makeWheel(machine.wheel, { ...ENTRIES, 'tensorflow/libtensorflow_cc.so.2': 'evil' });
    const error = await rejection(prepareTensorflow(machine.options));
    expect(error).toMatchObject({ code: 'checksum-wrong', exitCode: 3 });
    expect(error.message).toContain(machine.options.platform.wheels[0].sha256);
    expect(readdirSync(cacheRoot(machine))).toEqual([]);
    expect(existsSync(join(machine.options.packageFolder!, 'deps'))).toBe(false);
  });

  test('a wheel that writes outside its folder is refused', async () => {
    const outside = await makeMachine({
      ...ENTRIES,
      'tensorflow/include/tensorflow/c/../../../../escaped.h': 'evil',
    });
    const error = await rejection(prepareTensorflow(outside.options));
    expect(error.code).toBe('wheel-damaged');
    expect(error.message).toContain('leaves the folder');
    expect(readdirSync(cacheRoot(outside))).toEqual([]);
    expect(existsSync(join(outside.cache, 'escaped.h'))).toBe(false);
  });

  test('a wheel without the library is refused', async () => {
    const empty = await makeMachine({ 'tensorflow/README': 'metadata only' });
    const error = await rejection(prepareTensorflow(empty.options));
    expect(error).toMatchObject({ code: 'wheel-damaged', exitCode: 3 });
    expect(error.message).toContain('tensorflow/libtensorflow_cc.so.2');
  });

  test('what a killed set-up left behind is removed', async () => {
    const left = join(cacheRoot(machine), 'deps.partial-abcdef');
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, 'half'), 'x');
    await prepareTensorflow(machine.options);
    expect(existsSync(left)).toBe(false);
  });

  test('a set-up killed in the middle is taken over', async () => {
    const started = join(machine.root, 'started');
    const pip = join(machine.bin, 'python3');
    writeProgram(pip, PIP(machine, `touch ${started}; echo $$ > ${started}; exec sleep 600`));
    const module = fileURLToPath(new URL('./prepare.ts', import.meta.url));
    const code = `import { prepareTensorflow } from ${JSON.stringify(module)};
      void prepareTensorflow(${JSON.stringify(machine.options)});`;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', code],
      { stdio: 'ignore' },
    );
    await expect
      .poll(() => existsSync(started) && readFileSync(started, 'utf8') !== '', { timeout: 60_000 })
      .toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    process.kill(Number(readFileSync(started, 'utf8')), 'SIGKILL');
    expect(existsSync(join(cacheRoot(machine), 'lock'))).toBe(true);

    writeProgram(pip, PIP(machine, 'cp "$WHEEL" "$DEST"'));
    expect((await prepareTensorflow(machine.options)).did).toBe('downloaded');
    expect(readdirSync(cacheRoot(machine)).sort()).toEqual(['addon-4.22.0', 'deps']);
  });

  test('a library that lost bytes is fetched again', async () => {
    const { library } = await prepareTensorflow(machine.options);
    truncateSync(library, 3);
    expect((await prepareTensorflow(machine.options)).did).toBe('downloaded');
    expect(readFileSync(library, 'utf8')).toBe('the library');
  });

  test('cancelling ends the download and leaves nothing', async () => {
    writeProgram(join(machine.bin, 'python3'), PIP(machine, 'exec sleep 600'));
    const controller = new AbortController();
    const running = prepareTensorflow({
      ...machine.options,
      signal: controller.signal,
      onProgress: () => {
        if (downloads(machine) > 0) controller.abort();
      },
    });
    expect(await rejection(running)).toMatchObject({ code: 'cancelled', exitCode: 130 });
    expect(readdirSync(cacheRoot(machine))).toEqual([]);
  });

  test('without a compiler it says so, and keeps the library for the next time', async () => {
    rmSync(join(machine.bin, 'g++'));
    const error = await rejection(prepareTensorflow(machine.options));
    expect(error).toMatchObject({ code: 'compiler-missing', exitCode: 3 });
    expect(error.fix).toContain('apt install g++');
    writeProgram(join(machine.bin, 'g++'), COMPILER);
    expect((await prepareTensorflow(machine.options)).did).toBe('compiled');
    expect(downloads(machine)).toBe(1);
  });

  test('a compiler that fails leaves no addon, and its message is shown', async () => {
    writeProgram(join(machine.bin, 'g++'), `${COMPILER}\necho "no such header" >&2; exit 1`);
    const error = await rejection(prepareTensorflow(machine.options));
    expect(error.code).toBe('addon-build-failed');
    expect(error.message).toContain('no such header');
    expect(readdirSync(cacheRoot(machine))).toEqual(['deps']);
  });

  test('something else at the place of a link is not touched', async () => {
    const inTheWay = join(machine.options.packageFolder!, 'deps');
    mkdirSync(inTheWay);
    const error = await rejection(prepareTensorflow(machine.options));
    expect(error).toMatchObject({ code: 'link-failed', where: inTheWay });
  });

  test.each([
    ['python-missing', (bin: string) => rmSync(join(bin, 'python3')), 'apt install python3'],
    ['pip-missing', (bin: string) => writeProgram(join(bin, 'python3'), 'exit 1'), 'ensurepip'],
  ])('%s is told with the way to mend it', async (code, breakIt, advice) => {
    breakIt(machine.bin);
    const error = await rejection(prepareTensorflow(machine.options));
    expect(error).toMatchObject({ code, exitCode: 3 });
    expect(error.fix).toContain(advice);
  });

  test('a download that fails shows what pip said', async () => {
    writeProgram(
      join(machine.bin, 'python3'),
      PIP(machine, 'echo "ERROR: no route to host" >&2; exit 1'),
    );
    const error = await rejection(prepareTensorflow(machine.options));
    expect(error).toMatchObject({ code: 'tensorflow-download-failed', exitCode: 3 });
    expect(error.message).toContain('no route to host');
    expect(error.fix).toContain('EDGELOOM_WHEEL_DIR');
  });

  test('an EDGELOOM_WHEEL_DIR without the wheel says which file belongs there', async () => {
    const env = { ...machine.options.env, EDGELOOM_WHEEL_DIR: machine.root };
    const error = await rejection(prepareTensorflow({ ...machine.options, env }));
    expect(error).toMatchObject({
      code: 'wheel-missing',
      where: join(machine.root, 'tiny-1-py3-none-any.whl'),
    });
  });
});

describe('falling back', () => {
  test('answers with the JavaScript backend and a warning that tells how to mend it', async () => {
    rmSync(join(machine.bin, 'g++'));
    const answer = await prepareTensorflowOrFallback(machine.options);
    expect(answer.backend).toBe('cpu');
    expect(answer).toHaveProperty('warning', expect.stringContaining('WARNING'));
    expect(answer).toHaveProperty('warning', expect.stringContaining('apt install g++'));
  });

  test('EDGELOOM_BACKEND=cpu asks for it without trying', async () => {
    const env = { ...machine.options.env, EDGELOOM_BACKEND: 'cpu' };
    const answer = await prepareTensorflowOrFallback({ ...machine.options, env });
    expect(answer.backend).toBe('cpu');
    expect(downloads(machine)).toBe(0);
  });

  test('does not hide a cancellation', async () => {
    const signal = AbortSignal.abort();
    const error = await rejection(prepareTensorflowOrFallback({ ...machine.options, signal }));
    expect(error.code).toBe('cancelled');
  });
});
