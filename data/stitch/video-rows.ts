/**
 * Video samples of a user: one row per swipe, that is an exposure with a play of its own.
 *
 * The moment is that of the order in which the video stood (its slate decision): `watched` holds the plays
 * that had ended on the device strictly before it, with what was known of them then; `ordered` the videos
 * that the same order put before this one, of which nothing was known yet.
 */

import type { EventTable } from '../columns/event-table.ts';
import { FEEDBACK_KINDS } from '../contracts/device-log.ts';
import { NULL_INT } from '../parquet/column.ts';
import type { StitchCounts } from './counts.ts';
import { Chain } from './followers.ts';
import type { Known } from './moments.ts';
import { Pairs } from './pairs.ts';
import type { Part } from './part.ts';
import type { UserRows } from './rerank-rows.ts';
import { flag, type SampleTable } from './sample-table.ts';
import { REQUEST } from './slates.ts';

export interface VideoLengths {
  watched: number;
  ordered: number;
  /** Watched so long, or to the end, a view is effective; ms. */
  effectiveViewMs: number;
}

/** By exposure: its play and what was known of it. */
interface Swipes {
  /** Row of the play; −1: the exposure is none. */
  play: Int32Array;
  /** By kind of feedback: its first time at or after the start; Infinity: none. */
  feedbackTs: Float64Array[];
  /** Position in its slate; NULL_INT where the slate has no such item. */
  position: Int32Array;
}

export class VideoRows {
  readonly #part: Part;
  readonly #lengths: VideoLengths;
  readonly #offsetMs: number;
  readonly #pairs = new Pairs();

  constructor(part: Part, lengths: VideoLengths, offsetMs: number) {
    this.#part = part;
    this.#lengths = lengths;
    this.#offsetMs = offsetMs;
  }

  /** @returns tables that are full */
  write(
    user: UserRows,
    known: Known,
    tableOf: (day: number) => SampleTable,
    counts: StitchCounts,
  ): Set<SampleTable> {
    const full = new Set<SampleTable>();
    const { play } = this.#part.tables;
    if (play.from[user.user] === play.from[user.user + 1]) return full;
    const swipes = this.#swipes(user);
    const { slates, exposures } = user;
    const hasNext = this.#hasNext(user);
    const states = new ClientStates(this.#part, user.user);
    // Swipes of each slate in the order of their start.
    const bySlate = Array.from({ length: slates.count }, (): number[] => []);
    for (const e of exposures.byStart) {
      if (swipes.play[e]! >= 0 && exposures.slate[e]! >= 0) bySlate[exposures.slate[e]!]!.push(e);
    }
    bySlate.forEach((shown, s) => {
      if (shown.length === 0) return;
      const now = slates.ts[s]!;
      const day = Math.floor((now + this.#offsetMs) / 86_400_000);
      const table = tableOf(day);
      const watched = this.#watched(user, s, known, swipes);
      const state = states.at(slates.device[s]!, now);
      shown.forEach((e, k) => {
        counts.swipes++;
        this.#writeMoment(user, s, k, table, day);
        this.#writeTarget(user, e, swipes, hasNext, table);
        this.#writeWatched(user, watched, now, swipes, table);
        const before = shown.slice(Math.max(0, k - this.#lengths.ordered), k);
        table.setLength('ordered', before.length);
        for (const other of before) {
          table.set('ordered_item', exposures.item[other]!);
          table.set('ordered_position', swipes.position[other]!);
          table.set('ordered_score', exposures.score[other]!);
        }
        table.set('network_kbps', state.networkKbps);
        table.set('buffered_ms', state.bufferedMs);
        if (table.endRow()) full.add(table);
      });
    });
    return full;
  }

  #swipes({ user, slates, exposures }: UserRows): Swipes {
    const { play, feedback, exposure } = this.#part.tables;
    const plays = play.of(user);
    const feedbacks = feedback.of(user);
    const swipes: Swipes = {
      play: new Int32Array(exposures.count).fill(-1),
      feedbackTs: FEEDBACK_KINDS.map(() =>
        new Float64Array(exposures.count).fill(Number.POSITIVE_INFINITY),
      ),
      position: exposures.place.map((c) => (c < 0 ? NULL_INT : slates.position.data[c]!)),
    };
    this.#pairs.reset(plays.length + feedbacks.length);
    const pairsOf = (table: EventTable, rows: Int32Array): Int32Array => {
      const [request, item] = [table.ints('request'), table.ints('item')];
      return rows.map((row) =>
        request[row]! < 0 ? -1 : this.#pairs.add(request[row]!, item[row]!),
      );
    };
    const playPairs = pairsOf(play, plays);
    const feedbackPairs = pairsOf(feedback, feedbacks);
    const playChain = new Chain(this.#pairs.size, plays, playPairs, play.floats('ts'));
    const kind = feedback.ints('kind');
    const feedbackTs = feedback.floats('ts');
    const chains = FEEDBACK_KINDS.map((_, k) => {
      const of = feedbackPairs.filter((_pair, i) => kind[feedbacks[i]!] === k);
      const rows = feedbacks.filter((row) => kind[row] === k);
      return new Chain(this.#pairs.size, rows, of, feedbackTs);
    });
    const request = exposure.ints('request');
    for (const e of exposures.byStart) {
      const code = request[exposures.row[e]!]!;
      const pair = code < 0 ? -1 : this.#pairs.find(code, exposures.item[e]!);
      if (pair < 0) continue;
      const started = exposures.started[e]!;
      swipes.play[e] = playChain.first(pair, started);
      chains.forEach((chain, k) => {
        const row = chain.first(pair, started);
        if (row >= 0) swipes.feedbackTs[k]![e] = feedbackTs[row]!;
      });
    }
    return swipes;
  }

  /** Whether the user swiped on: another exposure of the session on the device began later. */
  #hasNext({ exposures }: UserRows): (e: number) => number {
    const last = new Map<string, number>();
    const key = (e: number): string => `${exposures.device[e]} ${exposures.session[e]}`;
    for (const e of exposures.byStart) last.set(key(e), exposures.started[e]!);
    return (e) =>
      exposures.session[e]! < 0 ? NULL_INT : Number(last.get(key(e))! > exposures.started[e]!);
  }

  /** The last plays that had ended on the device before the slate. */
  #watched({ lanes }: UserRows, s: number, known: Known, swipes: Swipes): number[] {
    const lane = lanes.lanes[known.lane[s]!];
    const watched: number[] = [];
    for (let at = lane ? known.exposures[s]! - 1 : -1; at >= 0; at--) {
      if (watched.length === this.#lengths.watched) break;
      const e = lane!.exposures[at]!;
      if (swipes.play[e]! >= 0) watched.push(e);
    }
    return watched.reverse();
  }

  #writeMoment(
    { user, slates }: UserRows,
    s: number,
    k: number,
    table: SampleTable,
    day: number,
  ): void {
    const { request, rerank } = this.#part.tables;
    const events = slates.kind[s] === REQUEST ? request : rerank;
    const id = events.bytes('event_id').text(slates.row[s]!);
    const page = slates.page[s]!;
    const pageRow = page < 0 ? -1 : slates.row[page]!;
    table.setText('sample_id', `${id}/${k}`);
    table.setText('slate_id', id);
    table.set('user_key', user);
    table.set('device_id', slates.device[s]!);
    table.set('session_id', slates.session[s]!);
    table.set('date', day);
    table.set('decision_ts', slates.ts[s]!);
    table.set('scene', pageRow < 0 ? -1 : request.ints('scene')[pageRow]!);
    table.set('hour', Math.floor((slates.ts[s]! + this.#offsetMs) / 3_600_000) % 24);
  }

  #writeTarget(
    { exposures }: UserRows,
    e: number,
    swipes: Swipes,
    hasNext: (e: number) => number,
    table: SampleTable,
  ): void {
    const { play } = this.#part.tables;
    const row = swipes.play[e]!;
    const watchMs = play.floats('watch_ms')[row]!;
    const durationMs = play.floats('duration_ms')[row]!;
    table.set('target_item', exposures.item[e]!);
    table.set('target_position', swipes.position[e]!);
    table.set('target_score', exposures.score[e]!);
    table.set('target_started', exposures.started[e]!);
    table.set('label_has_next', hasNext(e));
    const effective =
      watchMs >= this.#lengths.effectiveViewMs || (durationMs > 0 && watchMs >= durationMs);
    table.set('label_effective_view', Number(effective));
    table.set('label_like', flag(this.#part.facts.hasFeedback, exposures.like[e]!));
    table.set('label_watch_ms', watchMs);
  }

  #writeWatched(
    { exposures }: UserRows,
    watched: readonly number[],
    now: number,
    swipes: Swipes,
    table: SampleTable,
  ): void {
    const { play } = this.#part.tables;
    const [ts, watchMs, durationMs] = ['ts', 'watch_ms', 'duration_ms'].map((name) =>
      play.floats(name),
    ) as [Float64Array, Float64Array, Float64Array];
    table.setLength('watched', watched.length);
    for (const e of watched) {
      const row = swipes.play[e]!;
      // A play is told at its end; one that was told later was not known.
      const told = ts[row]! < now;
      table.set('watched_item', exposures.item[e]!);
      table.set('watched_started', exposures.started[e]!);
      table.set('watched_ended', exposures.ended[e]!);
      table.set('watched_position', swipes.position[e]!);
      table.set('watched_score', exposures.score[e]!);
      table.set('watched_watch_ms', told ? watchMs[row]! : Number.NaN);
      table.set('watched_duration_ms', told ? durationMs[row]! : Number.NaN);
      FEEDBACK_KINDS.forEach((kind, k) => {
        const given = swipes.feedbackTs[k]![e]! < now;
        table.set(`watched_${kind}`, flag(this.#part.facts.hasFeedback, Number(given)));
      });
    }
  }
}

/** What the phone last said of its network and buffer; asked with rising times. */
class ClientStates {
  readonly #table: EventTable;
  readonly #rows: Int32Array;
  readonly #last = new Map<number, number>();
  #next = 0;

  constructor(part: Part, user: number) {
    this.#table = part.tables.client_state;
    this.#rows = this.#table.of(user);
  }

  at(device: number, now: number): { networkKbps: number; bufferedMs: number } {
    const ts = this.#table.floats('ts');
    const devices = this.#table.ints('device');
    for (; this.#next < this.#rows.length; this.#next++) {
      const row = this.#rows[this.#next]!;
      if (ts[row]! > now) break;
      this.#last.set(devices[row]!, row);
    }
    const row = this.#last.get(device);
    if (row === undefined) return { networkKbps: Number.NaN, bufferedMs: Number.NaN };
    return {
      networkKbps: this.#table.floats('network_kbps')[row]!,
      bufferedMs: this.#table.floats('buffered_ms')[row]!,
    };
  }
}
