-- Grain: one declared number over the training dates.  Key: none (one row).
-- `grid`: its values at the variable `quantiles`. Samples are thinned by the hash of their id.
-- The comment `features` keeps the place of the compiled feature, a list of numbers per sample.
-- Parameters: $every (keep one sample in so many).  Privacy: none.
with
numbers as (
  select unnest(/* features */) as x
  from train_rerank
  where part = 0 and hash(sample_id) % $every = 0
)

select count(x) as n, min(x) as lowest, quantile_disc(x, getvariable('quantiles')) as grid
from numbers;
