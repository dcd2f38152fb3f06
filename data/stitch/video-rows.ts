/**
 * Video samples of a user: one row per swipe, that is an exposure with a play of its own.
 *
 * The moment is the swipe, the start of the exposure: `watched` holds the plays that had been told on the
 * device, and whose exposures had ended, strictly before it; `ordered` the candidates of the request that
 * the phone held then, top first, the target among them. Their labels tell what came of each; null for
 * what was never shown.
 */

import { FEEDBACK_KINDS } from '../contracts/device-log.ts';
import { NULL_INT } from '../parquet/column.ts';
import { ClientStates } from './client-states.ts';
import type { StitchCounts } from './counts.ts';
import { HeldLists, SHOWN, Showings } from './held-lists.ts';
import type { Known, Lanes } from './moments.ts';
import type { Exposures } from './outcomes.ts';
import type { Part } from './part.ts';
import type { UserRows } from './rerank-rows.ts';
import { flag, type SampleTable } from './sample-table.ts';
import { REQUEST } from './slates.ts';
import { SwipeReader, type Swipes } from './swipes.ts';
import { watermarkOf } from './windows.ts';

export interface VideoLengths {
  watched: number;
  ordered: number;
  /** Watched so long, or to the end, a view is effective; ms. */
  effectiveViewMs: number;
}

/** One user's, with what rows of swipes need besides. */
interface VideoUser extends UserRows {
  swipes: Swipes;
  /** Request code of each exposure. */
  request: Int32Array;
  states: ClientStates;
  /** Undefined when nobody asks. */
  lists: { held: HeldLists; showings: Showings } | undefined;
}

export class VideoRows {
  readonly #part: Part;
  readonly #lengths: VideoLengths;
  readonly #offsetMs: number;
  readonly #reader: SwipeReader;
  readonly #hasOrdered: boolean;

  constructor(
    part: Part,
    lengths: VideoLengths,
    offsetMs: number,
    columns: Readonly<Record<string, string>>,
  ) {
    this.#part = part;
    this.#lengths = lengths;
    this.#offsetMs = offsetMs;
    this.#reader = new SwipeReader(part);
    this.#hasOrdered = Object.keys(columns).some((name) => name.includes('ordered_'));
  }

  /** @returns tables that are full */
  write(
    user: UserRows,
    tableOf: (day: number) => SampleTable,
    counts: StitchCounts,
  ): Set<SampleTable> {
    const full = new Set<SampleTable>();
    const { play, exposure } = this.#part.tables;
    if (play.from[user.user] === play.from[user.user + 1]) return full;
    const { exposures, lanes } = user;
    const swipes = this.#reader.read(user.user, exposures);
    const shown = exposures.byStart.filter((e) => swipes.play[e]! >= 0 && exposures.slate[e]! >= 0);
    const request = exposure.ints('request');
    const rows: VideoUser = {
      ...user,
      swipes,
      request: exposures.row.map((row) => request[row]!),
      states: new ClientStates(this.#part, user.user),
      lists: undefined,
    };
    if (this.#hasOrdered) {
      const held = new HeldLists(
        this.#part,
        user.slates,
        new Set(shown.map((e) => rows.request[e]!)),
      );
      rows.lists = { held, showings: new Showings(this.#part, exposures) };
    }
    const known = lanes.known({
      count: shown.length,
      ts: Float64Array.from(shown, (e) => exposures.started[e]!),
      device: shown.map((e) => exposures.device[e]!),
      session: shown.map((e) => exposures.session[e]!),
    });
    const { facts } = this.#part;
    const { exposureWindowMs, labelWindowMs } = facts.windows;
    const wait = Math.max(exposureWindowMs, labelWindowMs);
    shown.forEach((e, m) => {
      const now = exposures.started[e]!;
      const day = Math.floor((now + this.#offsetMs) / 86_400_000);
      const table = tableOf(day);
      this.#writeMoment(rows, e, table, day);
      this.#writeTarget(rows, e, table);
      this.#writeWatched(rows, this.#watched(lanes, known, m, now, swipes), now, table);
      const lastShown = this.#writeOrdered(rows, e, table);
      const state = rows.states.at(exposures.device[e]!, now);
      table.set('network_kbps', state.networkKbps);
      table.set('buffered_ms', state.bufferedMs);
      const closes = Math.max(now + wait, lastShown + labelWindowMs);
      const matured = Number(closes < watermarkOf(facts));
      table.set('matured', matured);
      counts.swipes++;
      counts.maturedSwipes += matured;
      if (table.endRow()) full.add(table);
    });
    return full;
  }

  /** The last plays that were known on the device. */
  #watched(lanes: Lanes, known: Known, m: number, now: number, { playTs }: Swipes): number[] {
    const lane = lanes.lanes[known.lane[m]!];
    const watched: number[] = [];
    for (let at = lane ? known.exposures[m]! - 1 : -1; at >= 0; at--) {
      if (watched.length === this.#lengths.watched) break;
      const e = lane!.exposures[at]!;
      if (playTs[e]! < now) watched.push(e);
    }
    return watched.reverse();
  }

  #writeMoment({ user, slates, exposures }: VideoUser, e: number, table: SampleTable, day: number) {
    const { request, rerank, exposure } = this.#part.tables;
    const s = exposures.slate[e]!;
    const now = exposures.started[e]!;
    const page = slates.page[s]!;
    if (table.hasTexts) {
      const slate = slates.kind[s] === REQUEST ? request : rerank;
      table.setText('sample_id', exposure.bytes('event_id').text(exposures.row[e]!));
      table.setText('slate_id', slate.bytes('event_id').text(slates.row[s]!));
    }
    table.set('user_key', user);
    table.set('device_id', exposures.device[e]!);
    table.set('session_id', exposures.session[e]!);
    table.set('date', day);
    table.set('decision_ts', now);
    table.set('scene', page < 0 ? -1 : request.ints('scene')[slates.row[page]!]!);
    table.set('hour', Math.floor((now + this.#offsetMs) / 3_600_000) % 24);
  }

  #writeTarget(rows: VideoUser, e: number, table: SampleTable): void {
    const { exposures, swipes } = rows;
    table.set('target_item', exposures.item[e]!);
    table.set('target_position', this.#position(rows, e));
    table.set('target_score', exposures.score[e]!);
    table.set('target_started', exposures.started[e]!);
    table.set('label_has_next', swipes.hasNext[e]!);
    table.set('label_effective_view', this.#effective(swipes, e));
    table.set('label_like', this.#like(exposures, e));
    table.set('label_watch_ms', this.#part.tables.play.floats('watch_ms')[swipes.play[e]!]!);
  }

  /** Position in its slate; NULL_INT where the slate has no such item. */
  #position({ exposures, slates }: UserRows, e: number): number {
    const place = exposures.place[e]!;
    return place < 0 ? NULL_INT : slates.position.data[place]!;
  }

  /** Null without a play. */
  #effective({ play }: Swipes, e: number): number {
    if (play[e]! < 0) return NULL_INT;
    const events = this.#part.tables.play;
    const watchMs = events.floats('watch_ms')[play[e]!]!;
    const durationMs = events.floats('duration_ms')[play[e]!]!;
    const toTheEnd = durationMs > 0 && watchMs >= durationMs;
    return Number(watchMs >= this.#lengths.effectiveViewMs || toTheEnd);
  }

  #like(exposures: Exposures, e: number): number {
    return flag(this.#part.facts.hasFeedback, exposures.like[e]!);
  }

  #writeWatched(
    rows: VideoUser,
    watched: readonly number[],
    now: number,
    table: SampleTable,
  ): void {
    const { exposures, swipes } = rows;
    const { play } = this.#part.tables;
    table.setLength('watched', watched.length);
    for (const e of watched) {
      const row = swipes.play[e]!;
      table.set('watched_item', exposures.item[e]!);
      table.set('watched_started', exposures.started[e]!);
      table.set('watched_ended', exposures.ended[e]!);
      table.set('watched_position', this.#position(rows, e));
      table.set('watched_score', exposures.score[e]!);
      table.set('watched_watch_ms', play.floats('watch_ms')[row]!);
      table.set('watched_duration_ms', play.floats('duration_ms')[row]!);
      FEEDBACK_KINDS.forEach((kind, k) => {
        const given = swipes.feedbackTs[k]![e]! < now;
        table.set(`watched_${kind}`, flag(this.#part.facts.hasFeedback, Number(given)));
      });
    }
  }

  /** @returns when the last of the candidates was shown; −Infinity: none was */
  #writeOrdered(rows: VideoUser, target: number, table: SampleTable): number {
    let [count, place, lastShown] = [0, NULL_INT, Number.NEGATIVE_INFINITY];
    if (!rows.lists) return lastShown;
    const { exposures, swipes, lists } = rows;
    const now = exposures.started[target]!;
    const request = rows.request[target]!;
    const list = lists.held.at(request, now)!;
    const shownAt = (c: number) => lists.showings.of(request, list.item[c]!, now);
    while (list.passed < list.item.length && shownAt(list.passed) === SHOWN) list.passed++;
    for (let c = list.passed; c < list.item.length && count < this.#lengths.ordered; c++) {
      const e = shownAt(c);
      if (e === SHOWN) continue;
      if (list.item[c] === exposures.item[target]) place = count;
      count++;
      table.set('ordered_item', list.item[c]!);
      table.set('ordered_position', list.position[c]!);
      table.set('ordered_score', list.score[c]!);
      table.set('label_ordered_exposed', Number(e >= 0));
      table.set('label_ordered_has_next', e < 0 ? NULL_INT : swipes.hasNext[e]!);
      table.set('label_ordered_effective_view', e < 0 ? NULL_INT : this.#effective(swipes, e));
      table.set('label_ordered_like', e < 0 ? NULL_INT : this.#like(exposures, e));
      if (e >= 0) lastShown = Math.max(lastShown, exposures.started[e]!);
    }
    table.set('target_place', place);
    table.setLength('ordered', count);
    return lastShown;
  }
}
