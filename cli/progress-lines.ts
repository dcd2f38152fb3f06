/** Progress for a person: one line that is rewritten on a terminal, at most a line a second elsewhere. */
const INTERVAL_MS = 1_000;
const TTY_INTERVAL_MS = 100;

interface Out {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

export class ProgressLines {
  readonly #out: Out;
  readonly #now: () => number;
  #last = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(out: Out, now: () => number = Date.now) {
    this.#out = out;
    this.#now = now;
  }

  say(message: string): void {
    const now = this.#now();
    if (now - this.#last < (this.#out.isTTY ? TTY_INTERVAL_MS : INTERVAL_MS)) return;
    this.#last = now;
    if (this.#out.isTTY) {
      this.#out.write(`\r\x1b[2K${message.slice(0, (this.#out.columns ?? 80) - 1)}`);
      this.#drawn = true;
    } else this.#out.write(`${message}\n`);
  }

  /** Clears the line, so that what follows starts at its own. */
  end(): void {
    if (this.#drawn) this.#out.write('\r\x1b[2K');
  }
}
