/** Sets the native parts up before tests run, with progress, so that no test waits for a download. */
import { findTemporalBinary } from '../infra/temporal/index.ts';
import { prepareTensorflow } from '../infra/tensorflow/index.ts';

export async function prepareForTests(say: (line: string) => void): Promise<void> {
  const tensorflow = await prepareTensorflow({
    onProgress: ({ message }) => say(`TensorFlow: ${message}`),
  });
  say(`TensorFlow ${tensorflow.libraryVersion} (${tensorflow.platform})`);
  if (process.env.TEMPORAL_ADDRESS) {
    say(`Temporal at ${process.env.TEMPORAL_ADDRESS}`);
    return;
  }
  const temporal = await findTemporalBinary({
    onProgress: ({ message }) => say(`Temporal: ${message}`),
  });
  say(`Temporal ${temporal.serverVersion} (${temporal.source})`);
}
