-- Grain: a business day and a user of whom the cloud heard before it.  Key: date, user_key.
-- Parameters: $dates (list of dates), $days (length of the window that ends the day before).
-- Privacy: user_key is a pseudonymous key. Only whole days before `date` count, by the day of receipt.
with
moments as (
  select distinct unnest($dates::date[]) as date
),

totals as (
  select m.date, d.user_key, sum(d.clicks)::integer as clicks, sum(d.exposures)::integer as exposures
  from moments m join user_day d on d.date < m.date
  group by all
),

-- Lower edges of the second to fifth fifth of the users' click rates; users with exposures only.
sorted_rates as (
  select date, list(clicks / exposures order by clicks / exposures) as rates
  from totals where exposures > 0 group by date
),
fifths as (
  select date, list_transform([1, 2, 3, 4], lambda k: rates[k * len(rates) // 5 + 1]) as edges
  from sorted_rates
),

recent as (
  select
    m.date, d.user_key, d.page_views,
    date_diff('day', m.date, d.date) + $days::integer as day,
    d.clicks / nullif(d.exposures, 0) as rate
  from moments m join user_day d on d.date < m.date and d.date >= m.date - $days::integer
),

stability as (
  select
    date, user_key,
    avg(rate) as click_rate_mean,
    var_pop(rate) as click_rate_variance,
    regr_slope(rate, day) as click_rate_trend,
    avg(page_views) as page_views_mean,
    var_pop(page_views) as page_views_variance,
    regr_slope(page_views, day) as page_views_trend,
    count(*) / $days::integer as active_days
  from recent group by all
),

placed as (
  select
    date, user_key, day,
    len(list_filter(edges, lambda e: e <= rate)) as cohort
  from recent join fifths using (date) where rate is not null
),
neighbours as (
  select date, user_key, cohort, lag(cohort) over (partition by date, user_key order by day) as former
  from placed
),
changes as (
  select date, user_key, avg((cohort <> former)::integer) as cohort_changes
  from neighbours where former is not null group by all
),

final as (
  select
    date, user_key,
    case when exposures > 0
      then len(list_filter(edges, lambda e: e <= clicks / exposures)) end::integer as cohort,
    clicks, exposures,
    -- A line through one point, or through none, has no slope.
    coalesce(click_rate_mean, 0) as click_rate_mean,
    coalesce(click_rate_variance, 0) as click_rate_variance,
    if(isfinite(click_rate_trend), click_rate_trend, 0) as click_rate_trend,
    coalesce(page_views_mean, 0) as page_views_mean,
    coalesce(page_views_variance, 0) as page_views_variance,
    if(isfinite(page_views_trend), page_views_trend, 0) as page_views_trend,
    coalesce(active_days, 0) as active_days,
    coalesce(cohort_changes, 0) as cohort_changes
  from totals
    left join fifths using (date)
    left join stability using (date, user_key)
    left join changes using (date, user_key)
)

select * from final order by date, user_key;
