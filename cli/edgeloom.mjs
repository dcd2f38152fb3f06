#!/usr/bin/env node
// Entry of the command line: makes Node read TypeScript, then hands over.
import { register } from 'tsx/esm/api';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`edgeloom needs Node 20.19 or newer; this is ${process.versions.node}`);
  process.exit(2);
}
register();
const { main } = await import('./main.ts');
await main(process.argv);
