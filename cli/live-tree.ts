/** The live tree of stages on the terminal; plain lines where there is no terminal. */
import {
  type DefaultRenderer,
  Listr,
  type ListrTask,
  type ListrTaskWrapper,
  type SimpleRenderer,
} from 'listr2';
import { NODES } from '../workflows/dag.ts';
import type { NodeStatus } from '../workflows/types.ts';

type Task = ListrTaskWrapper<unknown, typeof DefaultRenderer, typeof SimpleRenderer>;

const size = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

interface Node {
  task?: Task;
  resolve: () => void;
  done: Promise<void>;
  state: string;
}

const isFinal = (state: string): boolean => ['done', 'reused', 'skipped', 'failed'].includes(state);

/** A fan-out `fine-tune/<cohort>` shows as its parent. */
function merge(statuses: NodeStatus[]): Map<string, NodeStatus> {
  const merged = new Map<string, NodeStatus>();
  for (const status of statuses) {
    const name = status.node.split('/')[0]!;
    const other = merged.get(name);
    if (!other) merged.set(name, { ...status, node: name });
    else if (isFinal(other.state) && !isFinal(status.state))
      merged.set(name, { ...status, node: name });
  }
  return merged;
}

export class LiveTree {
  readonly #nodes = new Map<string, Node>();
  readonly #listr: Listr;
  #finished = false;

  constructor(plain: boolean) {
    const tasks: ListrTask[] = NODES.map((name) => {
      let resolve!: () => void;
      const done = new Promise<void>((r) => {
        resolve = r;
      });
      const node: Node = { resolve, done, state: 'waiting' };
      this.#nodes.set(name, node);
      return {
        title: name,
        task: async (_context: unknown, task: Task) => {
          node.task = task;
          await done;
          if (node.state === 'failed') throw new Error(task.title);
        },
      } as ListrTask;
    });
    this.#listr = new Listr(tasks, {
      concurrent: true,
      // Ctrl-C is ours: the workflow is cancelled and what was started is stopped in order.
      registerSignalListeners: false,
      exitOnError: false,
      renderer: plain ? 'silent' : 'default',
      rendererOptions: {
        collapseSkips: false,
        suffixSkips: false,
        collapseErrors: true,
        showErrorMessage: false,
      },
    });
    this.#plain = plain;
  }

  readonly #plain: boolean;

  /** Draws until `finish`. */
  async run(): Promise<void> {
    await this.#listr.run();
  }

  /** @param progress node → what its process says now */
  update(statuses: NodeStatus[], progress: Map<string, string>): void {
    for (const [name, status] of merge(statuses)) {
      const node = this.#nodes.get(name);
      if (!node || isFinal(node.state)) continue;
      const before = node.state;
      node.state = status.state;
      if (status.state === 'running') {
        const said = progress.get(status.node) ?? progress.get(name);
        if (node.task && said) node.task.output = said;
      }
      if (before === status.state) continue;
      this.#changed(node, name, status);
    }
  }

  #changed(node: Node, name: string, { state, reason, told, rows, bytes }: NodeStatus): void {
    const amount =
      bytes === undefined
        ? ''
        : ` (${rows ? `${rows.toLocaleString('en')} rows, ` : ''}${size(bytes)})`;
    const line =
      state === 'waiting' || state === 'running'
        ? name
        : `${name}: ${state}${amount}${reason ? `, ${reason}` : ''}${told ? `; ${told}` : ''}`;
    if (this.#plain && !this.#finished) process.stderr.write(`${state.padEnd(8)} ${line}\n`);
    if (node.task) {
      if (state === 'skipped') node.task.skip(line);
      else node.task.title = line;
    }
    if (isFinal(state)) node.resolve();
  }

  /** Ends the drawing; nodes that never ran stay as they are. */
  finish(): void {
    this.#finished = true;
    for (const node of this.#nodes.values()) {
      if (!isFinal(node.state)) node.task?.skip(`${node.task.title}: did not run`);
      node.resolve();
    }
  }
}
