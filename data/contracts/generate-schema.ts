/** Writes the JSON Schema beside the contract: `node --import tsx data/contracts/generate-schema.ts`. */
import { fileURLToPath } from 'node:url';
import { writeFileAtomic } from '../../lib/files.ts';
import { renderDeviceLogJsonSchema } from './schema.ts';

const target = fileURLToPath(new URL('./device-log.v1.schema.generated.json', import.meta.url));
await writeFileAtomic(target, renderDeviceLogJsonSchema());
process.stdout.write(`wrote ${target}\n`);
