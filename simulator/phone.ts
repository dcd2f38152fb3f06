/** Writes a session down as device events: ids, clocks, envelopes. */
import type { DeviceEvent, EventOf, EventType } from '../data/contracts/device-log.ts';
import { SCHEMA_VERSION } from '../data/contracts/device-log.ts';
import type { Random } from '../lib/random.ts';

type Fields<T extends EventType> = Omit<
  EventOf<T>,
  | 'type'
  | 'event_id'
  | 'schema_version'
  | 'user_id'
  | 'device_id'
  | 'session_id'
  | 'ts'
  | 'received_ts'
  | 'app_version'
  | 'model_version'
>;

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** Character code of the hex digit of `x` at a shift of 0, 4 … 28 bits. */
const digit = (x: number, shift: number): number => HEX[(x >>> shift) & 15]!;

/** Eight hex digits of each number behind a prefix of one character; all at once, as texts put together cost ten times as much. */
const idText = (prefix: string, a: number, b: number): string =>
  String.fromCharCode(
    prefix.charCodeAt(0),
    digit(a, 28),
    digit(a, 24),
    digit(a, 20),
    digit(a, 16),
    digit(a, 12),
    digit(a, 8),
    digit(a, 4),
    digit(a, 0),
    digit(b, 28),
    digit(b, 24),
    digit(b, 20),
    digit(b, 16),
    digit(b, 12),
    digit(b, 8),
    digit(b, 4),
    digit(b, 0),
  );

export interface PhoneOptions {
  userId: string;
  deviceId: string;
  appVersion: string;
  /** Arm of a rollout, which stands in every event as `model_version`. */
  rollout: RolloutArm | null;
  random: Random;
  /** Added to when the cloud receives the session: hours for a phone that was offline. */
  uploadDelayMs: number;
  emit: (event: DeviceEvent) => void;
}

/** What a phone was drawn to run, and with which probability. */
export interface RolloutArm {
  arm: 'champion' | 'challenger';
  propensity: number;
}

/** One phone during one session. Ids are random and say nothing of the user. */
export class Phone {
  readonly sessionId: string;
  readonly deviceId: string;
  readonly userId: string;
  readonly #options: PhoneOptions;

  constructor(options: PhoneOptions, sessionId?: string) {
    this.#options = options;
    this.userId = options.userId;
    this.deviceId = options.deviceId;
    this.sessionId = sessionId ?? this.newId('s');
  }

  get rollout(): RolloutArm | null {
    return this.#options.rollout;
  }

  /** The same phone in the same session, with ids and listeners of its own. */
  clone(ids: (random: Random) => Random, emit: (event: DeviceEvent) => void): Phone {
    const random = ids(this.#options.random);
    return new Phone({ ...this.#options, random, emit }, this.sessionId);
  }

  newId(prefix: string): string {
    const { random } = this.#options;
    return idText(prefix, random.uint32(), random.uint32());
  }

  /**
   * Logs one event and returns its id.
   * @param ts device time; phones upload what they have every ten seconds
   */
  log<T extends EventType>(
    type: T,
    ts: number,
    fields: Fields<T>,
    modelVersion: string | undefined = this.#options.rollout?.arm,
  ): string {
    const { random, uploadDelayMs, appVersion, emit } = this.#options;
    const batch = Math.ceil((ts + 1) / 10_000) * 10_000;
    const event_id = this.newId('e');
    const event = {
      event_id,
      schema_version: SCHEMA_VERSION,
      type,
      user_id: this.userId,
      device_id: this.deviceId,
      session_id: this.sessionId,
      ts,
      received_ts: batch + uploadDelayMs + 40 + random.below(900),
      app_version: appVersion,
      ...(modelVersion === undefined ? {} : { model_version: modelVersion }),
      ...fields,
    };
    // The fields are those of T by the signature; the union cannot follow that through the spread.
    emit(event as unknown as DeviceEvent);
    return event_id;
  }

  /** Now and then a phone tells how its policy fares: one page in twenty, one of these in fifty failed. */
  reportPolicy(ts: number, scores: Float64Array): void {
    const { random } = this.#options;
    if (scores.length === 0 || !random.chance(0.05)) return;
    const failed = random.chance(0.02);
    const total = scores.reduce((sum, score) => sum + score, 0);
    this.log('model_report', ts, {
      model: 'logging-policy',
      entry: 'rerank',
      latency_ms: failed ? null : 2 + random.below(30),
      score_summary: failed
        ? null
        : {
            count: scores.length,
            mean: total / scores.length,
            min: Math.min(...scores),
            max: Math.max(...scores),
          },
      error: failed ? 'timed out' : null,
    });
  }
}
