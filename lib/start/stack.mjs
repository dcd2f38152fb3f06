// Stack traces with the files and lines of the sources. `--enable-source-maps` would do the same, but
// reads the maps of every package that is loaded: 0.2 s of CPU for those of tfjs. This reads a map when a
// stack is asked for.
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @param folder of the bundle */
export function nameSources(folder) {
  const start = `${pathToFileURL(folder).href}/`;
  const maps = new Map();

  const mapOf = (file) => {
    if (!maps.has(file)) {
      const text = readFileSync(fileURLToPath(`${file}.map`), 'utf8');
      maps.set(file, new SourceMap(JSON.parse(text)));
    }
    return maps.get(file);
  };

  const tell = (frame) => {
    const file = frame.getFileName();
    const text = String(frame);
    if (!file?.startsWith(start)) return text;
    try {
      const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
      const entry = mapOf(file).findEntry(line - 1, column - 1);
      const { originalSource, originalLine, originalColumn } = entry;
      const source = `${fileURLToPath(originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
      return text.replace(`${file}:${line}:${column}`, source);
    } catch {
      // Without its map, a frame tells its place in the bundle.
      return text;
    }
  };

  Error.prepareStackTrace = (error, frames) =>
    [headOf(error), ...frames.map((frame) => `    at ${tell(frame)}`)].join('\n');
}

function headOf(error) {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return '<error>';
  }
}
