"""The peer in polars (lazy): a log folder in Parquet to samples in Parquet.

With a fourth argument it first writes a lake there, as the pipeline does, and makes the samples of that: all
columns, users by keyed hash, a file per type, business day and bucket, sorted by user, time and event id.

One row per request: candidates in the cloud's order, exposed and clicked labels, the items of the last K
exposures and K page views of the device that had ended strictly before the request. Of the forms tried
(strings or categories, joins on ids or on row numbers) the fastest.

    python peer_polars.py LOGS OUT K [LAKE]
"""

import hashlib
import hmac

import json
import resource
import sys
import time
from pathlib import Path

import polars as pl

logs, out, k = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
lake = Path(sys.argv[4]) if len(sys.argv) > 4 else None
KEY = bytes([7]) * 32
BUCKETS = 8
ENVELOPE = ["event_id", "user_id", "device_id", "ts"]
FIRST_MS, LAST_MS = 1_000_000_000_000, 9_999_999_999_999
DEVICE = ["user_id", "device_id"]
LINK = ["user_id", "request_id", "item_id"]


def valid_id(name: str) -> pl.Expr:
    return pl.col(name).is_not_null() & pl.col(name).str.len_chars().is_between(1, 128)


def read(kind: str) -> pl.LazyFrame:
    """Events of a type that fit the contract's ranges."""
    return pl.scan_parquet(logs / "events" / "*" / f"{kind}.parquet").filter(
        valid_id("event_id") & valid_id("user_id") & pl.col("ts").is_between(FIRST_MS, LAST_MS)
    )


def scan(kind: str, columns: list[str]) -> pl.LazyFrame:
    """Events of a type, each event id once."""
    if lake:
        files = pl.scan_parquet(lake / f"type={kind}" / "*" / "*" / "*.parquet", hive_partitioning=False)
        return files.rename({"user_key": "user_id"}).select(ENVELOPE + columns)
    return read(kind).select(ENVELOPE + columns).unique("event_id", keep="any")


def write_lake(kind: str) -> None:
    events = read(kind).unique("event_id", keep="any").collect()
    ids = events.get_column("user_id").unique()
    keys = [hmac.new(KEY, user.encode(), hashlib.sha256).hexdigest()[:32] for user in ids]
    users = pl.DataFrame({"user_id": ids, "user_key": keys, "bucket": [int(key[:8], 16) % BUCKETS for key in keys]})
    parts = (
        events.lazy()
        .join(users.lazy(), on="user_id")
        .drop("user_id")
        .with_columns(date=pl.from_epoch("ts", time_unit="ms").dt.date())
        .sort("date", "bucket", "user_key", "ts", "event_id")
        .collect()
        .partition_by("date", "bucket", as_dict=True, maintain_order=True)
    )
    for (date, bucket), part in parts.items():
        folder = lake / f"type={kind}" / f"date={date}" / f"bucket={bucket:02}"
        folder.mkdir(parents=True)
        part.write_parquet(folder / "part-0.parquet", compression="lz4", statistics=False)


def last_k(requests: pl.DataFrame, behaviours: pl.DataFrame, name: str) -> pl.DataFrame:
    """The items of the last k behaviours that had ended before each request, oldest first."""
    ended = (
        behaviours.lazy()
        .filter(pl.col("ended").is_not_null())
        .sort(*DEVICE, "ended", "started", "ts", "event_id")
        .select(*DEVICE, "ended", "item_id")
        .with_row_index("place")
        .with_columns(pl.col("place").cast(pl.Int64), first=pl.col("place").min().over(DEVICE).cast(pl.Int64))
        .collect()
    )
    ends = ended.lazy().select(*DEVICE, "ended", "place", "first").sort("ended")
    places = (
        requests.lazy()
        .select("row", *DEVICE, "ts")
        .sort("ts")
        .join_asof(ends, left_on="ts", right_on="ended", by=DEVICE, strategy="backward", allow_exact_matches=False)
        .filter(pl.col("place").is_not_null())
        .select("row", place=pl.int_ranges(pl.max_horizontal(pl.col("place") - k + 1, "first"), pl.col("place") + 1))
        .explode("place")
        .collect()
    )
    items = ended.get_column("item_id").gather(places.get_column("place"))
    return (
        places.lazy()
        .select("row", items.alias(name))
        .group_by("row", maintain_order=True)
        .agg(name)
        .collect()
    )


start = time.perf_counter()
if lake:
    for kind in ("request", "exposure", "page_view"):
        write_lake(kind)
ingested = time.perf_counter()
requests, exposures, views = pl.collect_all(
    [
        scan("request", ["request_id", "candidates"]),
        scan("exposure", ["request_id", "item_id", "started", "ended"]).with_columns(
            pl.col("item_id").cast(pl.Categorical)
        ),
        scan("page_view", ["request_id", "item_id", "started", "ended"]).with_columns(
            pl.col("item_id").cast(pl.Categorical)
        ),
    ]
)
requests = requests.with_row_index("row")

clicks = views.lazy().group_by(LINK).agg(clicked_at=pl.col("started").max())
outcomes = (
    exposures.lazy()
    .join(clicks, on=LINK, how="left")
    .with_columns(click=(pl.col("clicked_at") >= pl.col("started")).fill_null(False))
    .group_by(LINK)
    .agg(pl.col("click").max(), shown=pl.col("started").max())
)
candidates = (
    requests.lazy()
    .select("row", "user_id", "request_id", "ts", "candidates")
    .explode("candidates")
    .unnest("candidates")
    .with_columns(pl.col("item_id").cast(pl.Categorical))
    .sort("row", "position", maintain_order=True)
    .join(outcomes, on=LINK, how="left", maintain_order="left")
    .with_columns(exposed=(pl.col("shown") >= pl.col("ts")).fill_null(False))
    .with_columns(click=pl.when("exposed").then(pl.col("click").cast(pl.UInt8)))
    .group_by("row", maintain_order=True)
    .agg(cand_item="item_id", label_exposed=pl.col("exposed").cast(pl.UInt8), label_click="click")
)
samples = (
    requests.lazy()
    .select("row", sample_id="event_id", user_id="user_id", decision_ts="ts")
    .join(candidates, on="row")
    .join(last_k(requests, exposures, "exp_item").lazy(), on="row", how="left")
    .join(last_k(requests, views, "pv_item").lazy(), on="row", how="left")
    .drop("row")
)
out.mkdir(parents=True, exist_ok=True)
samples.collect().write_parquet(out / "samples.parquet", compression="lz4", statistics=False)
used = resource.getrusage(resource.RUSAGE_SELF)
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - start,
            **({"ingestSeconds": ingested - start, "stitchSeconds": time.perf_counter() - ingested} if lake else {}),
            "cpuSeconds": used.ru_utime + used.ru_stime,
            "peakMb": used.ru_maxrss / 1024,
            "version": pl.__version__,
        }
    )
)
