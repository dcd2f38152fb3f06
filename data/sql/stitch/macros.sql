-- Small expressions that several statements share.

-- Clicks on a block of a page view; an entry without a number was used at least once and counts 1.
-- A block that the log never names is unknown, not unused: the app may have no such block or not
-- report it. `named` are the others.
create or replace temp macro block_clicks(actions, name, named) as
  case when actions is not null and list_contains(named, name) then
    coalesce(list_sum(list_transform(
      list_filter(actions, lambda a: a.block = name),
      lambda a: coalesce(a.clicks, 1))), 0)::integer
  end;

-- The ranker's score of a candidate: `ctr` when there is one, else the only score, else unknown.
create or replace temp macro base_score(scores) as
  coalesce(
    json_extract(scores, '$.ctr')::double,
    case when len(json_keys(scores)) = 1
      then json_extract(scores, '$.' || json_keys(scores)[1])::double end);

-- A list without the later copies of an element; `keys` are what is compared.
create or replace temp macro first_of_each(entries, keys) as
  case when len(list_distinct(keys)) = len(keys) then entries
    else list_filter(entries, lambda entry, place: list_position(keys, keys[place]) = place) end;

-- As many unknowns as a list is long: what a seed of the history has in place of each fact.
create or replace temp macro unknown_integers(items) as list_transform(items, lambda i: null::integer);
create or replace temp macro unknown_bigints(items) as list_transform(items, lambda i: null::bigint);
create or replace temp macro unknown_doubles(items) as list_transform(items, lambda i: null::double);
create or replace temp macro unknown_texts(items) as list_transform(items, lambda i: null::varchar);

-- Deletion and purchase are known only from the moment at which they happened.
create or replace temp macro removal_before(entry, now) as
  case when entry.removed_ts < now then entry.removed_reason end;
create or replace temp macro bought_before(entry, now) as
  coalesce(entry.bought_ts < now, false)::utinyint;
