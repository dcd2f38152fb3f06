/**
 * Interprets `features.json`: raw values of a moment in, inputs of the models out. No feature is known
 * here by name, so that a new one needs no new app.
 *
 * Raw values are keyed by the names of `sources`, lists run along the source's axis, null where
 * something is unknown. Only the sources that the asked features use must be given.
 */
import { checkSpec, type Interpreted } from './check-spec.ts';
import { type Column, Frame, type NumberColumn, type RawValues } from './columns.ts';
import { FeaturesError } from './errors.ts';
import { type Evaluate, evaluator } from './evaluate.ts';
import { toFloat32 } from './operators.ts';
import type { Behaviour, DeclaredFeature, GroupFeature } from './spec.ts';
import { typeOf } from './type-of.ts';

/** One feature: int32 indexes of a category, or float32 numbers; row-major along its axes. */
export type FeatureValues = Column<Int32Array | Float32Array>;

interface Compiled {
  evaluate: Evaluate;
  offset: number;
}

export class FeatureInterpreter {
  readonly spec: Interpreted;
  readonly #actions: Record<Behaviour, Compiled[]>;
  readonly #decay: Record<Behaviour, Compiled>;
  readonly #dense: Compiled[];
  readonly #context: Compiled[];
  readonly #decisionContext: Compiled[];
  readonly #declared: Map<string, Compiled & { isCategory: boolean }>;

  private constructor(spec: Interpreted) {
    const compile = ({
      expression,
      offset = 0,
    }: Pick<GroupFeature, 'expression'> & { offset?: number }) => ({
      evaluate: evaluator(expression, spec),
      offset,
    });
    this.spec = spec;
    this.#actions = {
      exposure: spec.actions.exposure.map(compile),
      page_view: spec.actions.page_view.map(compile),
    };
    this.#decay = {
      exposure: compile(spec.decay.exposure),
      page_view: compile(spec.decay.page_view),
    };
    this.#dense = spec.dense.map(compile);
    this.#context = spec.context.map(compile);
    this.#decisionContext = spec.decisionContext.map(compile);
    this.#declared = new Map(
      spec.declared.map((feature: DeclaredFeature) => {
        const isCategory = typeOf(feature.expression, spec).kind === 'category';
        return [feature.name, { ...compile(feature), isCategory }];
      }),
    );
  }

  /**
   * @param json parsed `features.json`
   * @throws FeaturesError `bad-features` on another version, an unknown operator, or what does not fit
   */
  static open(json: unknown): FeatureInterpreter {
    return new FeatureInterpreter(checkSpec(json));
  }

  /**
   * What the user did, by behaviour: indexes into the multi-hot vector, [n, features] row-major; all −1
   * where the source `<behaviour>.known` is not 1.
   */
  actions(behaviour: Behaviour, raw: RawValues): Int32Array {
    const frame = new Frame(raw);
    const name = `${behaviour}.known`;
    const known = frame.numbers(name, { type: 'number', axis: behaviour, what: '' }).values;
    const indexes = side(this.#actions[behaviour], frame, known.length, Int32Array);
    const width = this.#actions[behaviour].length;
    known.forEach((value, k) => {
      if (value !== 1) indexes.fill(-1, k * width, (k + 1) * width);
    });
    return indexes;
  }

  /** How long ago each behaviour ended: index into the one-hot vector, [n]. */
  decay(behaviour: Behaviour, raw: RawValues): Int32Array {
    return Int32Array.from(this.#decay[behaviour].evaluate(new Frame(raw)).values);
  }

  /** [n, features] of n candidates, row-major. */
  dense(raw: RawValues): Float32Array {
    const frame = new Frame(raw);
    const first = this.#dense[0]?.evaluate(frame).values.length ?? 0;
    return side(this.#dense, frame, first, Float32Array);
  }

  /** The moment of a rerank decision: indexes into the multi-hot vector. */
  context(raw: RawValues): Int32Array {
    return side(this.#context, new Frame(raw), 1, Int32Array);
  }

  /** The moment of a request decision: indexes into the multi-hot vector. */
  decisionContext(raw: RawValues): Int32Array {
    return side(this.#decisionContext, new Frame(raw), 1, Int32Array);
  }

  /** A feature of `declared`. @throws FeaturesError `bad-values` when there is none of that name */
  declared(name: string, raw: RawValues): FeatureValues {
    return this.#declaredOf(name, new Frame(raw));
  }

  /**
   * The same from its parts, which were computed before and stored: what training does.
   * @param parts values of `partsOf` its expression, by `keyOf`
   */
  declaredFromParts(name: string, parts: ReadonlyMap<string, NumberColumn>): FeatureValues {
    return this.#declaredOf(name, new Frame({}, parts));
  }

  #declaredOf(name: string, frame: Frame): FeatureValues {
    const feature = this.#declared.get(name);
    if (!feature) throw new FeaturesError('bad-values', name, 'No such declared feature');
    const { axes, lengths, values } = feature.evaluate(frame);
    const out = feature.isCategory ? Int32Array.from(values) : Float32Array.from(values, toFloat32);
    return { axes, lengths, values: out };
  }
}

/** Features side by side: [n, features], row-major. */
function side<T extends Int32Array | Float32Array>(
  features: readonly Compiled[],
  frame: Frame,
  n: number,
  Kind: new (length: number) => T,
): T {
  const out = new Kind(n * features.length);
  const isNumber = out instanceof Float32Array;
  const width = features.length;
  features.forEach(({ evaluate, offset }, f) => {
    const { values } = evaluate(frame);
    for (let i = 0; i < n; i++) {
      out[i * width + f] = isNumber ? toFloat32(values[i]!) : offset + values[i]!;
    }
  });
  return out;
}

/**
 * Indexes as the 0 and 1 that a model takes: [n, size] from [n, features]; −1 sets nothing.
 * @param features indexes per row
 */
export function multiHot(indexes: Int32Array, features: number, size: number): Float32Array {
  const out = new Float32Array((indexes.length / features) * size);
  indexes.forEach((index, i) => {
    if (index >= 0) out[Math.floor(i / features) * size + index] = 1;
  });
  return out;
}
