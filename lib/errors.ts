/** Errors that a person can act on. */

/** What went wrong, where, and how to mend it. Every expected failure of edgeloom is one of these. */
export interface Problem {
  /** Stable, kebab-case: `bad-config`, `logs-not-found`. */
  code: string;
  /** One sentence. */
  what: string;
  /** File, line, row, stage … */
  where?: string;
  /** What the reader can do now. */
  fix?: string;
  /** Process exit code; 1 unless told. 2 is for usage, 3 for missing native parts, 130 for cancelled. */
  exitCode?: number;
}

export class EdgeloomError extends Error {
  readonly code: string;
  readonly where: string | undefined;
  readonly fix: string | undefined;
  readonly exitCode: number;

  constructor(problem: Problem, options?: { cause?: unknown }) {
    super(problem.what, options);
    this.name = 'EdgeloomError';
    this.code = problem.code;
    this.where = problem.where;
    this.fix = problem.fix;
    this.exitCode = problem.exitCode ?? 1;
  }

  /** The three lines that the command line prints. */
  describe(): string {
    const lines = [`${this.message} [${this.code}]`];
    if (this.where) lines.push(`  where: ${this.where}`);
    if (this.fix) lines.push(`  to mend: ${this.fix}`);
    return lines.join('\n');
  }
}

/** An error on its way from a thread: only plain data passes, and a problem must stay one. */
export interface SentError {
  message: string;
  problem?: Problem;
}

export function sentError(error: unknown): SentError {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof EdgeloomError)) return { message };
  const { code, where, fix, exitCode } = error;
  const problem = { code, what: message, exitCode, ...(where && { where }), ...(fix && { fix }) };
  return { message, problem };
}

export function receivedError({ message, problem }: SentError): Error {
  return problem ? new EdgeloomError(problem) : new Error(message);
}
