/** Sets the native parts up before tests run, with progress, so that no test waits for a download. */
import { ensurePython } from '../infra/python/index.ts';
import { findTemporalBinary } from '../infra/temporal/index.ts';
import { prepareTensorflow } from '../infra/tensorflow/index.ts';
import { EdgeloomError } from '../lib/errors.ts';

/** The side-check's packages. Without a fitting Python its tests are skipped, by name. */
async function preparePython(say: (line: string) => void): Promise<void> {
  try {
    for (const name of ['side-check', 'old-phone'] as const) {
      await ensurePython(name, { onProgress: ({ message }) => say(`Python: ${message}`) });
    }
    say('Python packages for the side-check of model files');
  } catch (error) {
    if (!(error instanceof EdgeloomError) || error.code !== 'python-missing') throw error;
    say(`The side-check of model files is skipped. ${error.describe()}`);
  }
}

export async function prepareForTests(say: (line: string) => void): Promise<void> {
  const tensorflow = await prepareTensorflow({
    onProgress: ({ message }) => say(`TensorFlow: ${message}`),
  });
  say(`TensorFlow ${tensorflow.libraryVersion} (${tensorflow.platform})`);
  await preparePython(say);
  if (process.env.TEMPORAL_ADDRESS) {
    say(`Temporal at ${process.env.TEMPORAL_ADDRESS}`);
    return;
  }
  const temporal = await findTemporalBinary({
    onProgress: ({ message }) => say(`Temporal: ${message}`),
  });
  say(`Temporal ${temporal.serverVersion} (${temporal.source})`);
}
