/** `edgeloom retention`: what is older than the kept days; removes it when told so. */
import { applyRetention, planRetention } from '../activities/privacy/retention.ts';
import { countChanges, openEstate, print, reporting, type UpkeepOptions } from './upkeep.ts';

interface RetentionOptions extends UpkeepOptions {
  keepDays: number;
  asOf?: string;
  apply?: boolean;
}

export async function retention(options: RetentionOptions): Promise<void> {
  const estate = await openEstate(options);
  const request = {
    keepDays: options.keepDays,
    asOf: options.asOf ?? new Date().toISOString().slice(0, 10),
    reason: options.reason,
  };
  const plan = await planRetention(estate, request);
  if (!options.apply) {
    const lines = plan.expiring.map(
      ({ what, stage, name, why }) => `${what.padEnd(12)} ${stage.padEnd(18)} ${name}  ${why}`,
    );
    const sum = `${lines.length} to remove; ${plan.from} is the first kept day. --apply removes them.`;
    print(options, plan, [...lines, sum]);
    return;
  }
  const record = await reporting('Interrupted; the same command goes on', (running) =>
    applyRetention(estate, request, running),
  );
  const { replaced, removed } = countChanges(record);
  print(options, record, [
    `${replaced} lakes cut, ${removed} artifacts and ${String(record.logs)} logs removed; ${plan.from} is the first kept day (audit ${record.id})`,
  ]);
}
