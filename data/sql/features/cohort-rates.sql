-- Grain: a user with enough exposures before a business day.  Key: user_key (left out).
-- Parameters: $date (the day), $min_exposures.
-- Privacy: rates without a key; only cohorts of enough users leave the stage.
with
totals as (
  select user_key, sum(clicks) as clicks, sum(exposures) as exposures
  from user_day
  where date < $date::date
  group by user_key
),

final as (
  select clicks / exposures as rate
  from totals
  where exposures >= $min_exposures::integer
)

select * from final;
