/** What had ended on a device strictly before each of a user's moments, by the device's clock. */
import type { Exposures, PageViews } from './outcomes.ts';
import { Pairs } from './pairs.ts';

/** Behaviours of one device in the order in which they ended: places in `Exposures`, `PageViews`. */
export interface Lane {
  exposures: Int32Array;
  pageViews: Int32Array;
}

/** By moment. Nulls of sessions are −1. */
export interface Known {
  lane: Int32Array;
  /** The lane's first so many exposures and page views had ended. */
  exposures: Int32Array;
  pageViews: Int32Array;
  /** Of these, the ones of the moment's session. */
  sessionExposures: Int32Array;
  sessionClicks: Int32Array;
  /** Place in the lane of the session's last page view that had ended; −1: none. */
  lastInSession: Int32Array;
}

export interface MomentList {
  count: number;
  /** Rising. */
  ts: Float64Array;
  device: Int32Array;
  session: Int32Array;
}

/** The devices of one user. Events without a device id are one unnamed device. */
export class Lanes {
  readonly lanes: Lane[] = [];
  /** By lane, for each page view of it: place of the one before it in its session; −1: none. */
  readonly beforeInSession: Int32Array[] = [];
  readonly #exposures: Exposures;
  readonly #pageViews: PageViews;
  readonly #laneOf = new Map<number, number>();
  readonly #sessions = new Pairs();
  /** By place in `Exposures` and `PageViews`: number of its (device, session); −1 without a session. */
  readonly #exposureSession: Int32Array;
  readonly #viewSession: Int32Array;

  constructor(exposures: Exposures, pageViews: PageViews) {
    this.#exposures = exposures;
    this.#pageViews = pageViews;
    for (const device of exposures.device) this.#lane(device);
    for (const device of pageViews.device) this.#lane(device);
    const devices = [...this.#laneOf.keys()];
    const of = (places: Int32Array, device: Int32Array, code: number): Int32Array =>
      devices.length === 1 ? places : places.filter((place) => device[place] === code);
    for (const code of devices) {
      this.lanes.push({
        exposures: of(exposures.byEnd, exposures.device, code),
        pageViews: of(pageViews.byEnd, pageViews.device, code),
      });
    }
    this.#sessions.reset(exposures.count + pageViews.count);
    this.#exposureSession = this.#sessionsOf(exposures.device, exposures.session);
    this.#viewSession = this.#sessionsOf(pageViews.device, pageViews.session);
    const last = new Int32Array(this.#sessions.size).fill(-1);
    for (const { pageViews: places } of this.lanes) {
      const before = new Int32Array(places.length).fill(-1);
      places.forEach((view, place) => {
        const session = this.#viewSession[view]!;
        if (session < 0) return;
        before[place] = last[session]!;
        last[session] = place;
      });
      this.beforeInSession.push(before);
    }
  }

  #lane(device: number): void {
    if (!this.#laneOf.has(device)) this.#laneOf.set(device, this.#laneOf.size);
  }

  #sessionsOf(device: Int32Array, session: Int32Array): Int32Array {
    const numbers = new Int32Array(device.length);
    for (let i = 0; i < device.length; i++) {
      numbers[i] = session[i]! < 0 ? -1 : this.#sessions.add(device[i]!, session[i]!);
    }
    return numbers;
  }

  /** One pass over the behaviours and the moments together. */
  known(moments: MomentList): Known {
    const { count } = moments;
    const known: Known = {
      lane: new Int32Array(count).fill(-1),
      exposures: new Int32Array(count),
      pageViews: new Int32Array(count),
      sessionExposures: new Int32Array(count).fill(-1),
      sessionClicks: new Int32Array(count).fill(-1),
      lastInSession: new Int32Array(count).fill(-1),
    };
    const shown = new Int32Array(this.#sessions.size);
    const clicked = new Int32Array(this.#sessions.size);
    const last = new Int32Array(this.#sessions.size).fill(-1);
    const next = this.lanes.map(() => ({ exposure: 0, view: 0 }));
    for (let m = 0; m < count; m++) {
      const hasSession = moments.session[m]! >= 0;
      if (hasSession) {
        known.sessionExposures[m] = 0;
        known.sessionClicks[m] = 0;
      }
      const l = this.#laneOf.get(moments.device[m]!);
      if (l === undefined) continue;
      const { exposures, pageViews } = this.lanes[l]!;
      const at = next[l]!;
      const now = moments.ts[m]!;
      const { exposure: e0, view: v0 } = at;
      let e = e0;
      for (; e < exposures.length && this.#exposures.ended[exposures[e]!]! < now; e++) {
        const session = this.#exposureSession[exposures[e]!]!;
        if (session >= 0) shown[session]!++;
      }
      let v = v0;
      for (; v < pageViews.length && this.#pageViews.ended[pageViews[v]!]! < now; v++) {
        const session = this.#viewSession[pageViews[v]!]!;
        if (session < 0) continue;
        clicked[session]!++;
        last[session] = v;
      }
      at.exposure = e;
      at.view = v;
      known.lane[m] = l;
      known.exposures[m] = e;
      known.pageViews[m] = v;
      if (!hasSession) continue;
      const session = this.#sessions.find(moments.device[m]!, moments.session[m]!);
      if (session < 0) continue;
      known.sessionExposures[m] = shown[session]!;
      known.sessionClicks[m] = clicked[session]!;
      known.lastInSession[m] = last[session]!;
    }
    return known;
  }
}
