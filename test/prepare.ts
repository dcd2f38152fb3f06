/** Sets the native parts up before tests run, with progress, so that no test waits for a download. */

import { findTemporalBinary } from '../infra/temporal/index.ts';
import { prepareTensorflow } from '../infra/tensorflow/index.ts';
import { versitygwOrReason } from '../infra/versitygw/index.ts';
import { sideCheckPythons } from './python/pythons.ts';

async function preparePython(say: (line: string) => void): Promise<void> {
  const pythons = await sideCheckPythons({
    onProgress: ({ message }) => say(`Python: ${message}`),
  });
  if ('reason' in pythons) say(`The side-check of model files is skipped. ${pythons.reason}`);
  else say('Python packages for the side-check of model files');
}

async function prepareS3(say: (line: string) => void): Promise<void> {
  const found = await versitygwOrReason({ onProgress: ({ message }) => say(`S3: ${message}`) });
  if ('reason' in found) say(`Tests on a real S3 server are skipped. ${found.reason}`);
  else say('S3 server versitygw');
}

export async function prepareForTests(say: (line: string) => void): Promise<void> {
  const tensorflow = await prepareTensorflow({
    onProgress: ({ message }) => say(`TensorFlow: ${message}`),
  });
  say(`TensorFlow ${tensorflow.libraryVersion} (${tensorflow.platform})`);
  await preparePython(say);
  await prepareS3(say);
  if (process.env.TEMPORAL_ADDRESS) {
    say(`Temporal at ${process.env.TEMPORAL_ADDRESS}`);
    return;
  }
  const temporal = await findTemporalBinary({
    onProgress: ({ message }) => say(`Temporal: ${message}`),
  });
  say(`Temporal ${temporal.serverVersion} (${temporal.source})`);
}
