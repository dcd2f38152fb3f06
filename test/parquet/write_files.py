"""Parquet files of pyarrow, pandas and polars, each beside its rows as JSON lines.

    python write_files.py OUT

Writes `<name>.parquet` and `<name>.json`: by column a list of plain values (times as their numbers).
"""

import json
import random
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

out = Path(sys.argv[1])
rng = random.Random(7)
ROWS = 3000


def some(make, nulls=0.1):
    return [None if rng.random() < nulls else make(i) for i in range(ROWS)]


COLUMNS = {
    "yes": (pa.bool_(), some(lambda i: rng.random() < 0.5)),
    "all": (pa.bool_(), some(lambda i: True, 0)),
    "i8": (pa.int8(), some(lambda i: rng.randrange(-128, 128))),
    "u32": (pa.uint32(), some(lambda i: rng.randrange(2**32))),
    "i32": (pa.int32(), some(lambda i: rng.randrange(-(2**31), 2**31))),
    "edge32": (pa.int32(), some(lambda i: rng.choice([-(2**31), 2**31 - 1, 0]), 0)),
    "i64": (pa.int64(), some(lambda i: rng.randrange(-(2**53), 2**53))),
    "edge64": (pa.int64(), some(lambda i: rng.choice([-(2**53), 2**53 - 1, 0, 1]), 0)),
    "time": (pa.int64(), some(lambda i: 1772409600000 + 37 * i + rng.randrange(50), 0)),
    "float": (pa.float32(), some(lambda i: rng.randrange(1000) / 8)),
    "double": (pa.float64(), some(lambda i: rng.random() * 1e9)),
    "few": (pa.string(), some(lambda i: f"label {rng.randrange(9)}")),
    "many": (pa.string(), some(lambda i: f"{rng.randrange(10**12):012x}" * rng.randrange(3))),
    "turns": (pa.string(), some(lambda i: f"t{i % 5}" if i < 900 else f"text number {i}", 0)),
    "sorted": (pa.string(), some(lambda i: f"https://example.org/{i // 9:05}/é€😀/{i}")),
    "list": (pa.list_(pa.int64()), some(lambda i: [None if rng.random() < 0.1 else k * i for k in range(rng.randrange(4))])),
    "texts": (pa.list_(pa.string()), some(lambda i: [f"x{k}" for k in range(rng.randrange(3))])),
    "seen": (
        pa.list_(pa.struct([("item", pa.string()), ("at", pa.int64())])),
        some(lambda i: [{"item": f"i{k}", "at": None if k == 1 else i} for k in range(rng.randrange(4))]),
    ),
    "none": (pa.string(), [None] * ROWS),
}
# A delta or a split of bytes is asked for by column, then without a dictionary.
DELTAS = {
    **{name: "DELTA_BINARY_PACKED" for name in ["i8", "u32", "i32", "edge32", "i64", "edge64", "time"]},
    **{name: "BYTE_STREAM_SPLIT" for name in ["float", "double"]},
    "few": "DELTA_LENGTH_BYTE_ARRAY",
    "many": "DELTA_BYTE_ARRAY",
    "sorted": "DELTA_BYTE_ARRAY",
    "turns": "DELTA_LENGTH_BYTE_ARRAY",
    "yes": "RLE",
    "all": "PLAIN",
}
SPLITS = {name: "BYTE_STREAM_SPLIT" for name in ["i32", "u32", "i64", "float", "double"]}

table = pa.table({name: pa.array(values, kind) for name, (kind, values) in COLUMNS.items()})


def tell(name, columns):
    (out / f"{name}.json").write_text(json.dumps(columns))


def arrow(name, **options):
    pq.write_table(table, out / f"{name}.parquet", **options)
    tell(name, {column: values for column, (_, values) in COLUMNS.items()})


for codec in ["none", "snappy", "gzip", "zstd", "lz4"]:
    for version in ["1.0", "2.0"]:
        arrow(
            f"arrow {codec} {version}",
            compression=codec,
            data_page_version=version,
            data_page_size=2000,
            row_group_size=1100,
            write_page_checksum=True,
            dictionary_pagesize_limit=4000,
        )
        arrow(
            f"arrow deltas {codec} {version}",
            compression=codec,
            data_page_version=version,
            use_dictionary=False,
            column_encoding=DELTAS,
        )
arrow("arrow splits", use_dictionary=False, column_encoding=SPLITS)
arrow("arrow old lists", use_compliant_nested_type=False, version="1.0")

frame = pd.DataFrame({name: pd.array(COLUMNS[name][1], dtype="string") for name in ["few", "many", "sorted"]})
frame.to_parquet(out / "pandas.parquet", index=False)
tell("pandas", {name: COLUMNS[name][1] for name in ["few", "many", "sorted"]})
frame = pl.from_arrow(table)
for codec in ["uncompressed", "snappy", "gzip", "zstd", "lz4"]:
    frame.write_parquet(out / f"polars {codec}.parquet", compression=codec, row_group_size=1300, data_page_size=3000)
    tell(f"polars {codec}", {name: values for name, (_, values) in COLUMNS.items()})

# Beyond 2^53, and differences that pass 2^63.
beyond = [2**63 - 1, -(2**63), 0, 2**53, -(2**53) - 1, 5]
for name, options in {"plain": {"use_dictionary": False}, "deltas": {"use_dictionary": False, "column_encoding": {"n": "DELTA_BINARY_PACKED"}}}.items():
    pq.write_table(pa.table({"n": pa.array(beyond, pa.int64())}), out / f"beyond {name}.parquet", **options)
