#!/usr/bin/env node
// Entry of the command line: makes Node read TypeScript, then hands over.
import { load } from '../lib/start/load.mjs';
import { modules } from './modules.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`edgeloom needs Node 20.19 or newer; this is ${process.versions.node}`);
  process.exit(2);
}
const { main } = await load(import.meta.url, './main.ts', modules);
await main(process.argv);
