/** What stages hand to each other: references to content-addressed folders, never rows. */
import type { RunOptions } from './progress.ts';

/** A content-addressed folder in the store. */
export interface ArtifactRef {
  /** Where it was put: a path, or a URL of an object store. The hash alone says what it is. */
  uri: string;
  /** `sha256:<hex>` of the canonical list of its files (path, sha256, bytes). */
  sha256: string;
  /** Rows, samples or events in it, when that has a meaning; else 0. */
  rows: number;
  bytes: number;
}

/** Values small enough for Temporal's history and a table on the screen. */
export type Summary = { [key: string]: Json };
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** The parts that a stage's content key is made of, kept so that a miss can be explained. */
export interface KeyParts {
  stage: string;
  /** Hash of the stage's module graph, its SQL files and the versions of the packages it uses. */
  code: string;
  params: Json;
  /** Input name → content hash. */
  inputs: Record<string, string>;
}

/** What a finished stage left behind. */
export interface StageRecord {
  key: string;
  parts: KeyParts;
  ref: ArtifactRef;
  summary: Summary;
}

/** Where artifacts and records live: a folder unless told, or an object store with a folder as cache. */
export interface Store {
  /**
   * The folder's local path, read-only for the caller.
   * @throws EdgeloomError `artifact-missing` | `artifact-damaged`
   */
  open(ref: ArtifactRef, options?: RunOptions): Promise<string>;
  /** True when the artifact is there and its bytes, all of which are read, match its hash. */
  verify(ref: ArtifactRef, options?: RunOptions): Promise<boolean>;
  /** A local path for a new folder, for `put`; nothing is there yet. */
  staging(): Promise<string>;
  /** Takes a staging folder over under its content hash. An equal artifact that exists is kept. */
  put(staging: string, rows: number, options?: RunOptions): Promise<ArtifactRef>;
  /** The record of a finished stage, by content key. */
  readRecord(key: string): Promise<StageRecord | undefined>;
  writeRecord(node: string, record: StageRecord): Promise<void>;
  /** The record that this node (of any day) left last: what changed since is told from it. */
  latestRecord(node: string): Promise<StageRecord | undefined>;
  /** A local folder that outlives failed attempts of one content key: checkpoints go there. */
  scratch(key: string): Promise<string>;
  /** Lets another machine go on from what lies in the scratch folder now. */
  saveScratch(key: string, options?: RunOptions): Promise<void>;
  /** Brings what another machine saved into the scratch folder. Nobody else may use it meanwhile. */
  restoreScratch(key: string, options?: RunOptions): Promise<void>;
  dropScratch(key: string): Promise<void>;
}

/** A record, and the node that left it last, as far as one did. */
export interface NodeRecord {
  /** As the store names it. */
  node: string;
  record: StageRecord;
}

/** Hears of copies that lie in a folder now, and of what could not be copied. */
export type LookAtCopies = (unread: { path: string; why: string }[]) => Promise<void>;

/** What erasing, re-keying and retention need besides: they look at all that a store holds, and remove. */
export interface StoreUpkeep extends Store {
  /** The local folder: the store itself, or the cache of one elsewhere. */
  readonly root: string;
  /** Of every finished stage, by key. */
  records(): Promise<StageRecord[]>;
  latestRecords(): Promise<NodeRecord[]>;
  /** Writes a record without making it the last one of a node. */
  keepRecord(record: StageRecord): Promise<void>;
  removeRecord(key: string): Promise<void>;
  removeLatest(node: string): Promise<void>;
  /** `sha256:<hex>` of every artifact that is there, whole or not, sorted. */
  artifacts(): Promise<string[]>;
  /** Removes artifacts, and what only they held, here and where they were put. */
  removeArtifacts(hashes: readonly string[]): Promise<void>;
  /** Removes what unfinished stages and unfinished transfers left. Nothing may run. */
  removeLeftovers(): Promise<void>;
  /**
   * Copies what lies elsewhere than below `root` into an empty folder, a part after the other, and calls
   * `look` for each part: files of artifacts as `objects/<hex>/<path>`, all else under its own name. Equal
   * files of one name come once, and whatever their hash says. The folder is empty afterwards.
   */
  lookElsewhere(folder: string, look: LookAtCopies, options?: RunOptions): Promise<void>;
  /** Processes of this machine that work on a stage. */
  workers(): Promise<number[]>;
}
