/** `[path, status, hash]`; the status is empty while the file is too young to be told by it. */
export type Seen = [path: string, status: string, hash: string];
export function see(path: string): { bytes: Buffer; seen: Seen };
export function findChange(seen: Seen[]): { changed: string | undefined; renewed: boolean };
