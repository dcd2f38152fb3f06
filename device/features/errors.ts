/** What went wrong, where in features.json or in the raw values, and what to do. */
export class FeaturesError extends Error {
  readonly code: 'bad-features' | 'bad-values';
  readonly where: string;
  readonly fix: string;

  constructor(code: FeaturesError['code'], where: string, what: string) {
    super(`${what} (${where})`);
    this.name = 'FeaturesError';
    this.code = code;
    this.where = where;
    this.fix =
      code === 'bad-features'
        ? 'use the features.json of a bundle that this runtime supports; do not edit it'
        : 'give every source of `sources` a value of its type, or null';
  }
}
