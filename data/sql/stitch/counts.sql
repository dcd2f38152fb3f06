-- Grain: one row, the account of a bucket.  Parameters: none.  Privacy: none.
with
kept as (select slate_id, sum(len(cand_item)) as candidates from rerank_sample group by all)

select
  (select count(*) from slate) as slates,
  (select count(*) from slate where kind = 'rerank') as reranks,
  (select count(*) from rerank_sample) as samples,
  (select coalesce(sum(listed), 0) from slate)::bigint as candidates,
  (select coalesce(sum(listed - len(cand_item)), 0) from slate)::bigint as candidatesRepeated,
  (select coalesce(sum(len(s.cand_item) - k.candidates), 0)
    from slate s join kept k on k.slate_id = s.sample_id)::bigint as candidatesCut,
  (select count(*) from exposure) as exposures,
  (select count(*) from exposure where ended is null) as exposuresUnfinished,
  (select count(*) from exposure where sample_id is null) as exposuresUnattributed,
  (select count(*) from (select distinct sample_id, item_id from exposure where sample_id is not null))
    as exposuresDistinct,
  (select coalesce(sum(list_sum(label_exposed)), 0) from rerank_sample)::bigint as exposuresLabelled,
  (select count(*) from exposure where label_click = 1) as clicks,
  (select coalesce(sum(list_sum(label_click)), 0) from rerank_sample)::bigint as clicksLabelled,
  (select count(*) from decision) as decisions,
  (select count(*) from decision where arm is not null and propensity > 0 and propensity < 1)
    as randomisedDecisions,
  (select count(*) from decision_sample where matured = 1) as maturedDecisions;
