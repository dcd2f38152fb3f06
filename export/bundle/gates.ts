/** What a bundle must hold to be released. Pure: verdicts from measured numbers. */
import { fewRowsWarning } from '../parity/few-rows.ts';
import type { Collected } from '../report/collect.ts';
import type { Manifest } from './manifest.ts';

type Gate = Manifest['gates'][number];
/** Model → the number format whose TFLite files ship. */
type Profiles = Record<string, { chosenProfile: string }>;

const show = (value: number | null): string => (value === null ? 'n/a' : value.toFixed(4));

/** A challenger may be no better than a plain score, but it may not be worse beyond doubt. */
function notWorse(name: string, against: string, { reranker }: Collected): Gate[] {
  const difference = reranker?.differences[`reranker − ${against}`]?.gauc;
  if (!difference) return [];
  const { value, low, high } = difference;
  const passed = high !== null && high >= 0;
  const detail = `GAUC per slate ${show(value)} against ${against}, 95 % interval ${show(low)} … ${show(high)}; fails when all of it is below 0.`;
  return [{ name, passed, detail }];
}

/** Every file that ships keeps its bound, measured on real rows. */
function parityGate({ parity }: Collected, models: Profiles): Gate {
  const shipped = Object.entries(parity).flatMap(([model, { files }]) =>
    files.filter(
      ({ path, profile }) => path.endsWith('.onnx') || profile === models[model]?.chosenProfile,
    ),
  );
  const failed = shipped.filter(({ passed }) => !passed).map(({ path }) => path);
  const verdict =
    failed.length === 0
      ? `${shipped.length} files compute the trained models within their bounds.`
      : `Out of bounds: ${failed.join(', ')}.`;
  const warning = fewRowsWarning(shipped);
  return {
    name: 'parity',
    passed: failed.length === 0 && shipped.length > 0,
    detail: warning ? `${verdict} ${warning}` : verdict,
  };
}

export function gatesOf(collected: Collected, models: Profiles): Gate[] {
  return [
    parityGate(collected, models),
    ...notWorse('reranker is not worse than popularity', 'popularity', collected),
    ...notWorse('reranker is not worse than the plain DNN', 'dnn', collected),
  ];
}
