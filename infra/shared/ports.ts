/** Free TCP ports on the loopback interface. */
import { createServer } from 'node:net';

/** The port when it can be bound; 0 asks for any. Undefined when it is taken. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === 'object' && address ? address.port : undefined;
      server.close(() => resolve(found));
    });
  });
}

/** `preferred` when free, else any free port that is not in `taken`. */
export async function freePort(
  preferred: number | undefined,
  taken: readonly number[] = [],
): Promise<number> {
  if (preferred !== undefined && (await tryPort(preferred)) !== undefined) return preferred;
  for (;;) {
    const port = await tryPort(0);
    if (port !== undefined && !taken.includes(port)) return port;
  }
}
