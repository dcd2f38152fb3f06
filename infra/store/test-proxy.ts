/** For tests: a proxy before an S3 server that breaks requests as told and notes them. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface Seen {
  method: string;
  /** Path and query. */
  url: string;
  range: string | undefined;
  /** How many like it came before: same method and URL. */
  before: number;
  /** Bytes of its body. */
  bytes: number;
}

/**
 * `drop`: the connection ends before the server hears of it. `deaf`: the server does it, and the
 * answer is lost. `hang`: nobody answers. A status: this answer. `cut`, `stall`: the answer's body
 * ends, or stops coming, after so many bytes. `flip`, `flipUp`: a bit of the answer's, or of the
 * request's first byte is wrong.
 */
export type Fault =
  | 'drop'
  | 'deaf'
  | 'hang'
  | 'flip'
  | 'flipUp'
  | number
  | { cut: number }
  | { stall: number };

export interface FaultyProxy {
  endpoint: string;
  seen: Seen[];
  /** Most requests with a body under way at once. */
  mostBodies(): number;
  /** May be replaced at any time. */
  decide: (seen: Seen) => Fault | undefined;
  stop(): Promise<void>;
}

export const partNumber = ({ method, url }: Seen): number =>
  method === 'PUT' ? Number(/[?&]partNumber=(\d+)/.exec(url)?.[1] ?? 0) : 0;

function flipping(): Transform {
  let first = true;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const bytes = Buffer.from(chunk);
      if (first && bytes.length > 0) {
        bytes[0] = (bytes[0] ?? 0) ^ 1;
        first = false;
      }
      done(null, bytes);
    },
  });
}

function stopping(most: number, atEnd: () => void): Transform {
  let left = most;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      if (left > 0) return done(null, part);
      // Once the client has what is let through.
      this.push(part);
      setImmediate(atEnd);
    },
  });
}

/** Passes a request on, and its answer back, broken as told. */
function pass(target: string, from: IncomingMessage, to: ServerResponse, fault?: Fault): void {
  const { method, headers, url } = from;
  const onward = request(`${target}${url}`, { method, headers, agent: false }, (answer) => {
    if (fault === 'deaf') return void from.socket.destroy();
    to.writeHead(answer.statusCode ?? 500, answer.headers);
    if (typeof fault === 'object' && 'cut' in fault) {
      answer.pipe(stopping(fault.cut, () => setTimeout(() => from.socket.destroy(), 20))).pipe(to);
    } else if (typeof fault === 'object')
      answer.pipe(stopping(fault.stall, () => undefined)).pipe(to);
    else if (fault === 'flip') answer.pipe(flipping()).pipe(to);
    else answer.pipe(to);
  });
  onward.on('error', () => from.socket.destroy());
  from.on('close', () => {
    if (!from.complete) onward.destroy();
  });
  if (fault === 'flipUp') from.pipe(flipping()).pipe(onward);
  else from.pipe(onward);
}

const errorBody = (status: number): string =>
  `<?xml version="1.0"?><Error><Code>${status === 503 ? 'SlowDown' : 'InternalError'}</Code><Message>injected</Message></Error>`;

export async function startProxy(target: string): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  let bodies = 0;
  let most = 0;
  const server = createServer((from, to) => {
    const { method = '', url = '', headers } = from;
    const before = proxy.seen.filter((one) => one.method === method && one.url === url).length;
    const bytes = Number(headers['content-length'] ?? 0);
    const seen: Seen = { method, url, range: headers.range, before, bytes };
    proxy.seen.push(seen);
    if (bytes > 0) {
      bodies += 1;
      most = Math.max(most, bodies);
      to.once('close', () => {
        bodies -= 1;
      });
    }
    const fault = proxy.decide(seen);
    if (fault === 'drop') from.socket.destroy();
    else if (fault === 'hang') from.resume();
    else if (typeof fault === 'number') {
      from.resume().once('end', () => {
        to.writeHead(fault, { 'content-type': 'application/xml' });
        to.end(method === 'HEAD' ? undefined : errorBody(fault));
      });
    } else pass(target, from, to, fault);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${port}`,
    seen: [],
    mostBodies: () => most,
    decide: () => undefined,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
