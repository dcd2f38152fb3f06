import type { Page } from './ranker.ts';

/**
 * What a page means to a session: click logits that hold for the whole of it, and numbers that hold
 * for one intent, kept when first worked out. Futures of a session see the same pages under the same
 * intent again and again, and share them.
 */
export class PageMemo {
  /** Click logit of each candidate, but for intent, fatigue and slate. */
  fixed: Float64Array;
  /** For which the rest holds; a new intent is a new array. */
  intent: Float64Array;
  /**
   * [4, candidates]: intent · item; the slate's part of the click logit below two neighbours of the
   * same page; order probability; probability of leaving. 0 where not yet known.
   */
  numbers: Float64Array;

  constructor(fixed: Float64Array, intent: Float64Array) {
    this.fixed = fixed;
    this.intent = intent;
    this.numbers = new Float64Array(4 * fixed.length);
  }

  /** Starts anew, for a memo that nobody else holds. */
  renew(fixed: Float64Array, intent: Float64Array): PageMemo {
    this.fixed = fixed;
    this.intent = intent;
    const size = 4 * fixed.length;
    if (this.numbers.length < size) this.numbers = new Float64Array(size);
    else this.numbers.fill(0, 0, size);
    return this;
  }
}

/** The memos of the pages that the futures of one decision come to, whoever of them comes first. */
export class PageMemos {
  readonly #known = new Map<Page, PageMemo>();
  /** For a wish that one future alone has. */
  readonly #own: PageMemo;
  /** The wish at the decision, which most futures keep. */
  #usual: Float64Array = new Float64Array(0);

  constructor() {
    this.#own = new PageMemo(this.#usual, this.#usual);
  }

  /** Forgets the pages of the decision before. */
  begin(usual: Float64Array): void {
    this.#known.clear();
    this.#usual = usual;
  }

  /** Undefined for a page that no future has come to yet. */
  of(page: Page, intent: Float64Array): PageMemo | undefined {
    const known = this.#known.get(page);
    return !known || known.intent === intent ? known : this.own(known.fixed, intent);
  }

  /** The first future that comes to a page tells what it means. */
  add(page: Page, intent: Float64Array, fixed: Float64Array): PageMemo {
    const memo = new PageMemo(fixed, this.#usual);
    this.#known.set(page, memo);
    return intent === this.#usual ? memo : this.own(fixed, intent);
  }

  /** A memo for the page that a future sees now; valid until it asks for another. */
  own(fixed: Float64Array, intent: Float64Array): PageMemo {
    return this.#own.renew(fixed, intent);
  }
}
