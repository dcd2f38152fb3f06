/** The state of every node, for the progress query and the Web UI's details. Pure. */
import { NODES } from './dag.ts';
import type { NodeResult, NodeStatus } from './types.ts';

const ICONS = {
  waiting: '·',
  running: '▶',
  done: '✔',
  reused: '↺',
  skipped: '–',
  failed: '✘',
} as const;

const size = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

// A reason may hold anything an error said; a table cell holds no bars and no line breaks.
const cell = (text: string): string =>
  text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').slice(0, 300);

export class Board {
  readonly #nodes = new Map<string, NodeStatus>();

  constructor() {
    for (const node of NODES) this.#nodes.set(node, { node, state: 'waiting', reason: '' });
  }

  start(node: string): void {
    this.#set({ node, state: 'running', reason: '' });
  }

  finish(result: NodeResult): void {
    const { node, reason, told, reused, ref } = result;
    const { rows, bytes, uri } = ref;
    const said = told ? { told } : {};
    this.#set({ node, state: reused ? 'reused' : 'done', reason, ...said, rows, bytes, uri });
  }

  skip(node: string, reason: string): void {
    this.#set({ node, state: 'skipped', reason });
  }

  fail(node: string, reason: string): void {
    this.#set({ node, state: 'failed', reason });
  }

  /** A fan-out `fine-tune/<n>` takes the place of its parent `fine-tune`. */
  #set(status: NodeStatus): void {
    const parent = status.node.split('/')[0]!;
    if (parent === status.node || this.#nodes.has(status.node)) {
      this.#nodes.set(status.node, status);
      return;
    }
    const entries = [...this.#nodes];
    const after = entries.findLastIndex(
      ([name]) => name === parent || name.startsWith(`${parent}/`),
    );
    entries.splice(after + 1, 0, [status.node, status]);
    const placeholder = entries.findIndex(([name]) => name === parent);
    if (placeholder >= 0) entries.splice(placeholder, 1);
    this.#nodes.clear();
    for (const [name, value] of entries) this.#nodes.set(name, value);
  }

  list(): NodeStatus[] {
    return [...this.#nodes.values()];
  }

  /** A table for the Web UI. */
  markdown(title: string): string {
    const rows = this.list().map(({ node, state, reason, told, rows, bytes }) => {
      const amount = bytes === undefined ? '' : `${rows ? `${rows} rows, ` : ''}${size(bytes)}`;
      return `| ${ICONS[state]} ${state} | ${node} | ${amount} | ${cell(told ? `${reason}; ${told}` : reason)} |`;
    });
    return [
      `### ${title}`,
      '',
      '| state | stage | result | why |',
      '|---|---|---|---|',
      ...rows,
    ].join('\n');
  }
}
