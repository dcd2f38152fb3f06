/** Plays of a user's exposures, what the user said of them, and whether the user swiped on. */
import type { EventTable } from '../columns/event-table.ts';
import { FEEDBACK_KINDS } from '../contracts/device-log.ts';
import { NULL_INT } from '../parquet/column.ts';
import { Chain } from './followers.ts';
import type { Exposures } from './outcomes.ts';
import { Pairs } from './pairs.ts';
import type { Part } from './part.ts';

/** By exposure. */
export interface Swipes {
  /** Row of the play that was told first within the label window; −1: none. */
  play: Int32Array;
  /** When it was told; Infinity: never. */
  playTs: Float64Array;
  /** By kind of feedback: its first time at or after the start; Infinity: none. */
  feedbackTs: Float64Array[];
  /** 1: another exposure of the session on the device began later, told within the label window. */
  hasNext: Int32Array;
}

/** Reads the swipes of user after user, with scratch made once for a part. */
export class SwipeReader {
  readonly #part: Part;
  readonly #pairs = new Pairs();
  readonly #sessions = new Pairs();

  constructor(part: Part) {
    this.#part = part;
  }

  read(user: number, exposures: Exposures): Swipes {
    const { play, feedback, exposure } = this.#part.tables;
    const { labelWindowMs } = this.#part.facts.windows;
    const never = () => new Float64Array(exposures.count).fill(Number.POSITIVE_INFINITY);
    const swipes: Swipes = {
      play: new Int32Array(exposures.count).fill(-1),
      playTs: never(),
      feedbackTs: FEEDBACK_KINDS.map(never),
      hasNext: this.#hasNext(exposures, labelWindowMs),
    };
    const plays = play.of(user);
    const feedbacks = feedback.of(user);
    this.#pairs.reset(plays.length + feedbacks.length);
    const pairsOf = (table: EventTable, rows: Int32Array): Int32Array => {
      const [request, item] = [table.ints('request'), table.ints('item')];
      return rows.map((row) =>
        request[row]! < 0 ? -1 : this.#pairs.add(request[row]!, item[row]!),
      );
    };
    const playPairs = pairsOf(play, plays);
    const feedbackPairs = pairsOf(feedback, feedbacks);
    const momentary = (ts: Float64Array) => ({ started: ts, ts });
    const playTimes = momentary(play.floats('ts'));
    const playChain = new Chain(this.#pairs.size, plays, playPairs, playTimes);
    const kind = feedback.ints('kind');
    const feedbackTimes = momentary(feedback.floats('ts'));
    const chains = FEEDBACK_KINDS.map((_, k) => {
      const of = feedbackPairs.filter((_pair, i) => kind[feedbacks[i]!] === k);
      const rows = feedbacks.filter((row) => kind[row] === k);
      return new Chain(this.#pairs.size, rows, of, feedbackTimes);
    });
    const request = exposure.ints('request');
    for (const e of exposures.byStart) {
      const code = request[exposures.row[e]!]!;
      const pair = code < 0 ? -1 : this.#pairs.find(code, exposures.item[e]!);
      if (pair < 0) continue;
      const started = exposures.started[e]!;
      const row = playChain.first(pair, started);
      if (row >= 0 && playTimes.ts[row]! <= started + labelWindowMs) {
        swipes.play[e] = row;
        swipes.playTs[e] = playTimes.ts[row]!;
      }
      chains.forEach((chain, k) => {
        const given = chain.first(pair, started);
        if (given >= 0) swipes.feedbackTs[k]![e] = feedbackTimes.ts[given]!;
      });
    }
    return swipes;
  }

  /** From the last to the first: when the first of the later ones of each session was told. */
  #hasNext(exposures: Exposures, windowMs: number): Int32Array {
    const { byStart, started, told, device, session, count } = exposures;
    const hasNext = new Int32Array(count).fill(NULL_INT);
    this.#sessions.reset(count);
    // Those of the latest start so far wait in `same`: they are not after each other.
    const start: number[] = [];
    const same: number[] = [];
    const later: number[] = [];
    for (let i = byStart.length - 1; i >= 0; i--) {
      const e = byStart[i]!;
      if (session[e]! < 0) continue;
      const s = this.#sessions.add(device[e]!, session[e]!);
      if (start[s] !== started[e]!) {
        later[s] = Math.min(
          later[s] ?? Number.POSITIVE_INFINITY,
          same[s] ?? Number.POSITIVE_INFINITY,
        );
        same[s] = Number.POSITIVE_INFINITY;
        start[s] = started[e]!;
      }
      same[s] = Math.min(same[s]!, told[e]!);
      hasNext[e] = Number(later[s]! <= started[e]! + windowMs);
    }
    return hasNext;
  }
}
