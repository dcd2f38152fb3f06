import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Playground } from '../export/release/fixture.ts';
import { registerPull } from './pull.ts';

let play: Playground;
let printed: string;
beforeEach(async () => {
  play = new Playground(await mkdtemp(join(tmpdir(), 'pull-')));
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(play.root, { recursive: true, force: true });
});

async function edgeloom(...args: string[]): Promise<string> {
  printed = '';
  const program = new Command().exitOverride();
  registerPull(program);
  await program.parseAsync(['node', 'edgeloom', 'pull', ...args]);
  return printed;
}

describe('edgeloom pull', () => {
  it('brings the release of a channel and says where it is', async () => {
    const { manifest } = await play.release('one');
    const text = await edgeloom('--channel', 'stable', '--from', play.repo, '--out', play.out);
    expect(text).toContain(manifest.contentHash);
    expect(text).toContain(join(play.out, 'current'));
    expect(await edgeloom('--from', play.repo, '--out', play.out)).toContain('up to date');
  });

  it('prints one JSON object for scripts', async () => {
    const { manifest } = await play.release('one');
    const result = JSON.parse(await edgeloom('--from', play.repo, '--out', play.out, '--json'));
    expect(result).toMatchObject({
      channel: 'stable',
      contentHash: manifest.contentHash,
      path: join(play.out, 'releases', manifest.releaseId),
      upToDate: false,
    });
  });

  it('checks a bundle that is here, without a repository', async () => {
    await play.release('one');
    await edgeloom('--from', play.repo, '--out', play.out);
    const current = join(play.out, 'current');
    expect(await edgeloom('--verify', current)).toContain('files match the manifest');
    await writeFile(join(current, 'features.json'), 'x');
    await expect(edgeloom('--verify', current)).rejects.toMatchObject({ code: 'bad-bundle' });
  });

  it('refuses to guess the folder', async () => {
    await expect(edgeloom('--from', play.repo)).rejects.toMatchObject({ exitCode: 2 });
  });

  it('names the channels there are', async () => {
    await play.release('one');
    const pulled = edgeloom('--channel', 'canary', '--from', play.repo, '--out', play.out);
    await expect(pulled).rejects.toMatchObject({ fix: 'choose one of: stable' });
    expect(await readdir(play.root)).not.toContain('out');
  });
});
