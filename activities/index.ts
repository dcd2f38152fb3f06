/** All stages by name. */
import { logs } from './logs.ts';
import { release } from './release.ts';
import type { Stage } from './runtime/stage.ts';
import { stitch } from './stitch.ts';

const all = [logs, stitch, release] as Stage[];

export const stages: ReadonlyMap<string, Stage> = new Map(all.map((stage) => [stage.name, stage]));
