/** What the phone last said of its network and buffer. */
import type { EventTable } from '../columns/event-table.ts';
import type { Part } from './part.ts';

/** The states of one user's devices, asked with rising times. */
export class ClientStates {
  readonly #table: EventTable;
  readonly #rows: Int32Array;
  readonly #last = new Map<number, number>();
  #next = 0;

  constructor(part: Part, user: number) {
    this.#table = part.tables.client_state;
    this.#rows = this.#table.of(user);
  }

  /** The device's last at or before the moment; NaN where it said nothing. */
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
