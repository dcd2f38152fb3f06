"""Unpacks chosen entries of a wheel: unpack.py WHEEL DESTINATION TAKE_JSON.

TAKE_JSON is a list of {"from": prefix or name, "to": folder or name}; a prefix ends with "/".
Prints the bytes written so far after every 8 MiB. Exit code 4: an entry leaves the destination;
5: an entry that should be there is missing; 6: the archive is damaged.
"""

import json
import os
import sys
import zipfile
import zlib

CHUNK = 1 << 20


def target(name, take):
    for rule in take:
        if rule["from"].endswith("/"):
            if name.startswith(rule["from"]):
                return rule["to"] + name[len(rule["from"]) :], rule["from"]
        elif name == rule["from"]:
            return rule["to"], rule["from"]
    return None, None


def main():
    wheel, destination, take = sys.argv[1], os.path.realpath(sys.argv[2]), json.loads(sys.argv[3])
    written, reported, seen = 0, 0, set()
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            relative, rule = target(entry.filename, take)
            # NVIDIA's wheels carry an empty __init__.py beside their libraries.
            if relative is None or entry.is_dir() or relative.endswith(".py"):
                continue
            path = os.path.realpath(os.path.join(destination, relative))
            if os.path.commonpath([path, destination]) != destination:
                print(f"entry leaves the folder: {entry.filename}", file=sys.stderr)
                return 4
            seen.add(rule)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with archive.open(entry) as source, open(path, "xb") as sink:
                while chunk := source.read(CHUNK):
                    sink.write(chunk)
                    written += len(chunk)
                    if written - reported >= 8 * CHUNK:
                        reported = written
                        print(written, flush=True)
                sink.flush()
                os.fsync(sink.fileno())
    missing = [rule["from"] for rule in take if rule["from"] not in seen]
    if missing:
        print("not in the wheel: " + ", ".join(missing), file=sys.stderr)
        return 5
    print(written, flush=True)
    return 0


try:
    sys.exit(main())
except (zipfile.BadZipFile, zlib.error) as error:
    print(f"damaged archive: {error}", file=sys.stderr)
    sys.exit(6)
