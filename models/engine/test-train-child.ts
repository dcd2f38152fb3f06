/** For tests: a process that trains and says so after every update, until it is killed. */
import { readFile } from 'node:fs/promises';
import { type TrainModelInput, trainModel } from '../train-model.ts';
import { type BackendKind, useBackend } from './backend.ts';

const { backend, input } = JSON.parse(await readFile(process.argv[2]!, 'utf8')) as {
  backend: BackendKind;
  input: TrainModelInput;
};
await useBackend(backend);
await trainModel(input, {
  onProgress: ({ message }) => {
    if (message.includes('update ')) process.stdout.write('.\n');
  },
});
