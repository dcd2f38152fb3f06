// Where edgeloom keeps what it can make again: `$EDGELOOM_CACHE`, else `$XDG_CACHE_HOME/edgeloom`, else
// `~/.cache/edgeloom`.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

export function cachePath(env = process.env) {
  const own = env.EDGELOOM_CACHE;
  // A relative path would mean another folder in every working directory.
  if (own) return isAbsolute(own) ? own : undefined;
  // The XDG rule: a relative path is to be ignored.
  const xdg = env.XDG_CACHE_HOME;
  return xdg && isAbsolute(xdg) ? join(xdg, 'edgeloom') : join(homedir(), '.cache', 'edgeloom');
}
