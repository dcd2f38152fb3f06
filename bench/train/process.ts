/** A process that trains on command: one JSON line in, one JSON line out. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { EdgeloomError } from '../../lib/errors.ts';

/** Everything that some steps took together. */
export interface Steps {
  wallMs: number;
  /** Of all threads of the process. */
  cpuMs: number;
  /** Of the last step. */
  loss: number;
}

export interface ProcessInput {
  name: string;
  program: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

export class TrainingProcess {
  readonly name: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor({ name, program, args, env }: ProcessInput) {
    this.name = name;
    this.#child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface(this.#child.stdout);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** @throws EdgeloomError `bench-process-ended`; what it printed stands above */
  async ask<T>(command: Readonly<Record<string, unknown>>): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#answers.next();
    if (!done) return JSON.parse(value) as T;
    throw new EdgeloomError({
      code: 'bench-process-ended',
      what: `${this.name} ended without an answer`,
      where: JSON.stringify(command),
      fix: 'read what it printed above',
    });
  }

  steps(count: number): Promise<Steps> {
    return this.ask<Steps>({ do: 'steps', count });
  }

  /** Its input ends, and so does it. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    this.#lines.close();
  }
}
