/**
 * Loads one native part and uses it: `node probe.mjs NAME`, the answer as one JSON line. In a process
 * of its own, because a native library that does not fit ends the process that loads it.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';

const require = createRequire(import.meta.url);

const probes = {
  async tensorflow(packageName) {
    // Node 23 removed these two, and tfjs-node calls them.
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    util.isArray ??= Array.isArray;
    const tf = require(packageName);
    const product = await tf.matMul([[1, 2]], [[3], [4]]).data();
    if (product[0] !== 11) throw new Error(`1·3 + 2·4 gave ${product[0]}`);
    return { version: tf.version['tfjs-node'], gpu: tf.backend().isUsingGpuDevice === true };
  },

  async duckdb() {
    const { DuckDBInstance, version } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll('select sum(i) from range(10) t(i)');
    const sum = Number(reader.getRows()[0][0]);
    if (sum !== 45) throw new Error(`0 + … + 9 gave ${sum}`);
    return { version: version() };
  },

  async onnxruntime() {
    const { onnx } = require('onnx-proto');
    const ort = require('onnxruntime-node');
    const value = (name) => ({
      name,
      type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 1 }] } } },
    });
    const model = onnx.ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph: {
        name: 'probe',
        node: [{ opType: 'Add', input: ['x', 'x'], output: ['y'] }],
        input: [value('x')],
        output: [value('y')],
      },
    }).finish();
    const session = await ort.InferenceSession.create(Buffer.from(model));
    const { y } = await session.run({ x: new ort.Tensor('float32', [21], [1]) });
    if (y.data[0] !== 42) throw new Error(`21 + 21 gave ${y.data[0]}`);
    return { version: ort.env.versions?.node ?? ort.env.versions?.common };
  },

  async litert() {
    const folder = join(dirname(require.resolve('@litertjs/core')), '..', 'wasm');
    // The variant for engines without relaxed SIMD (Node 20); the loader takes a faster one elsewhere.
    await WebAssembly.compile(await readFile(join(folder, 'litert_wasm_compat_internal.wasm')));
    const manifest = JSON.parse(await readFile(join(folder, '..', 'package.json'), 'utf8'));
    return { version: manifest.version };
  },
};

const [name, ...args] = process.argv.slice(2);
const answer = await probes[name](...args);
process.stdout.write(`\n${JSON.stringify(answer)}\n`);
// Thread pools of the native parts would keep the process alive for a while.
process.exit(0);
