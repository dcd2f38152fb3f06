/** `edgeloom keys rotate` */
import { rotateKey } from '../activities/privacy/rotate.ts';
import { countChanges, openEstate, print, reporting, type UpkeepOptions } from './upkeep.ts';

interface RotateOptions extends UpkeepOptions {
  keepOld?: boolean;
}

export async function rotate(options: RotateOptions): Promise<void> {
  const estate = await openEstate(options);
  const { reason, keepOld = false } = options;
  const told = 'The rotation was interrupted; the same command finishes it';
  const record = await reporting(told, (running) =>
    rotateKey(estate, { reason, keepOld }, running),
  );
  const { before, after } = record.keyIds as { before: string; after: string };
  const { replaced, removed } = countChanges(record);
  print(options, record, [
    `Key     ${before} → ${after} (audit ${record.id})`,
    `        ${replaced} lakes re-keyed, ${removed} derived artifacts dropped: the next run makes them again`,
    `        Bring keys/ of other machines up to date${keepOld ? '' : `, and destroy copies of keys/${before}.key`}.`,
  ]);
}
