-- The ranker's score of a candidate: `ctr` when there is one, else the only score, else unknown.
create or replace temp macro base_score(scores) as
  coalesce(
    json_extract(scores, '$.ctr')::double,
    case when len(json_keys(scores)) = 1
      then json_extract(scores, '$.' || json_keys(scores)[1])::double end);
