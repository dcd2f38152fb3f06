/** What readers of bytes throw; who knows the file and the column makes an EdgeloomError of it. */

/** The bytes are not what a writer of Parquet makes. */
export class Damage extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'Damage';
  }
}

/** The bytes may be fine, but this reader does not know the form. */
export class NotSupported extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'NotSupported';
  }
}

/** An INT64 that JavaScript's numbers cannot hold. */
export class TooLarge extends Error {
  constructor() {
    super('a whole number is beyond 2^53');
    this.name = 'TooLarge';
  }
}
