/**
 * What a page means to a session: click logits that hold for the whole of it, and numbers that hold
 * for one intent, kept when first worked out. Futures of a session see the same pages under the same
 * intent again and again, and share them.
 */
export class PageMemo {
  /** Click logit of each candidate, but for intent, fatigue and slate. */
  readonly fixed: Float64Array;
  /** For which the rest holds; a new intent is a new array. */
  readonly intent: Float64Array;
  /**
   * [3, candidates]: intent · item; the slate's part of the click logit below two neighbours of the
   * same page; order probability. 0 where not yet known.
   */
  readonly numbers: Float64Array;

  constructor(fixed: Float64Array, intent: Float64Array) {
    this.fixed = fixed;
    this.intent = intent;
    this.numbers = new Float64Array(3 * fixed.length);
  }
}
