"""The same samples as peer_polars.py in pandas and NumPy.

    python peer_pandas.py LOGS OUT K
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

logs, out, k = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
ENVELOPE = ["event_id", "user_id", "device_id", "ts"]
FIRST_MS, LAST_MS = 1_000_000_000_000, 9_999_999_999_999
DEVICE = ["user_id", "device_id"]
LINK = ["user_id", "request_id", "item_id"]


def read(kind: str, columns: list[str]) -> pd.DataFrame:
    """Events of a type that fit the contract's ranges, each event id once."""
    files = sorted((logs / "events").glob(f"*/{kind}.parquet"))
    frame = pd.concat(
        [pd.read_parquet(file, columns=ENVELOPE + columns, dtype_backend="pyarrow") for file in files],
        ignore_index=True,
    )
    valid = frame["ts"].between(FIRST_MS, LAST_MS)
    for name in ("event_id", "user_id"):
        valid &= frame[name].str.len().between(1, 128)
    return frame[valid].drop_duplicates("event_id", ignore_index=True)


def last_k(requests: pd.DataFrame, behaviours: pd.DataFrame) -> pa.Array:
    """The items of the last k behaviours that had ended before each request, oldest first."""
    ended = behaviours[behaviours["ended"].notna()]
    ended = ended.sort_values([*DEVICE, "ended", "started", "ts", "event_id"], ignore_index=True)
    place = np.arange(len(ended))
    first = pd.Series(place).groupby([ended[name] for name in DEVICE], sort=False).transform("min")
    ends = pd.DataFrame(
        {
            **{name: ended[name] for name in DEVICE},
            "ended": ended["ended"].astype("int64"),
            "place": place,
            "first": first.to_numpy(),
        }
    ).sort_values("ended", kind="stable")
    asked = requests[["row", *DEVICE]].assign(ts=requests["ts"].astype("int64")).sort_values("ts", kind="stable")
    found = pd.merge_asof(
        asked, ends, left_on="ts", right_on="ended", by=DEVICE, direction="backward", allow_exact_matches=False
    ).sort_values("row")
    last = found["place"].fillna(-1).to_numpy(np.int64)
    begin = np.maximum(last - k + 1, found["first"].fillna(0).to_numpy(np.int64))
    length = np.where(last < 0, 0, last - begin + 1)
    offsets = np.concatenate([[0], np.cumsum(length)])
    index = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - begin, length)
    items = pa.array(ended["item_id"])
    items = items.combine_chunks() if isinstance(items, pa.ChunkedArray) else items
    return pa.LargeListArray.from_arrays(pa.array(offsets), items.take(pa.array(index)))


start = time.perf_counter()
requests = read("request", ["request_id", "candidates"])
exposures = read("exposure", ["request_id", "item_id", "started", "ended"])
views = read("page_view", ["request_id", "item_id", "started", "ended"])
requests["row"] = np.arange(len(requests))

clicks = views.groupby(LINK, sort=False)["started"].max().rename("clicked_at").reset_index()
outcomes = exposures.merge(clicks, on=LINK, how="left")
outcomes["click"] = (outcomes["clicked_at"] >= outcomes["started"]).fillna(False).astype("int8")
outcomes = outcomes.groupby(LINK, sort=False).agg(click=("click", "max"), shown=("started", "max")).reset_index()

lists = pa.array(requests["candidates"])
lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
flat = lists.flatten()
lengths = np.diff(lists.offsets.to_numpy())
row = np.repeat(requests["row"].to_numpy(), lengths)
candidates = pd.DataFrame(
    {
        "row": row,
        "item_id": pd.Series(pd.arrays.ArrowExtensionArray(flat.field("item_id"))),
        "position": flat.field("position").to_numpy(zero_copy_only=False),
        "user_id": requests["user_id"].take(row).reset_index(drop=True),
        "request_id": requests["request_id"].take(row).reset_index(drop=True),
        "ts": requests["ts"].take(row).reset_index(drop=True),
    }
).sort_values(["row", "position"], kind="stable", ignore_index=True)
candidates = candidates.merge(outcomes, on=LINK, how="left")
exposed = (candidates["shown"] >= candidates["ts"]).fillna(False).to_numpy(bool)
click = pa.array(candidates["click"].fillna(0).to_numpy(np.uint8), mask=~exposed)
offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def listed(values: pa.Array) -> pa.Array:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pa.LargeListArray.from_arrays(offsets, values)


table = pa.table(
    {
        "sample_id": pa.array(requests["event_id"]),
        "user_id": pa.array(requests["user_id"]),
        "decision_ts": pa.array(requests["ts"]),
        "cand_item": listed(pa.array(candidates["item_id"])),
        "label_exposed": listed(pa.array(exposed.astype(np.uint8))),
        "label_click": listed(click),
        "exp_item": last_k(requests, exposures),
        "pv_item": last_k(requests, views),
    }
)
out.mkdir(parents=True, exist_ok=True)
pq.write_table(table, out / "samples.parquet", compression="lz4", write_statistics=False)
used = resource.getrusage(resource.RUSAGE_SELF)
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - start,
            "cpuSeconds": used.ru_utime + used.ru_stime,
            "peakMb": used.ru_maxrss / 1024,
            "version": pd.__version__,
        }
    )
)
