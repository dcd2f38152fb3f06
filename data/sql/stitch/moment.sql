-- Grain: one question "what had ended before now?" per decision and scope.  Key: moment_id, scope.
-- A lane is one sequence of behaviours: those of a user on a device (scope `device`), of these the
-- ones since a call to the cloud (`since`), or the ones of a session (`session`). Events without a
-- device id are one unnamed device of their user. `wanted_…`: how many of the last are needed; 0
-- where only their number is.
-- Parameters: $exposures, $page_views, $since, $session_clicks (lengths of the sequences).
-- Privacy: user_key is pseudonymous, part of a session lane personal.
with
slates as (select * replace (coalesce(device_id, '') as device_id) from slate),
decisions as (select * from decision),

questions as (
  select
    sample_id as moment_id, 'device' as scope, user_key, device_id as device, '' as part,
    decision_ts as now, $exposures::integer as wanted_exposures, $page_views::integer as wanted_page_views
  from slates
  union all
  select sample_id, 'session', user_key, device_id, session_id, decision_ts, 0, 0
  from slates where session_id is not null
  union all
  select event_id, 'since', user_key, device, era::varchar, decision_ts, $since::integer, 0
  from decisions
  union all
  select event_id, 'session', user_key, device, session_id, decision_ts, 0, $session_clicks::integer
  from decisions where session_id is not null
),

final as (
  select *, dense_rank() over (order by user_key, device, scope, part)::integer as lane
  from questions
)

select * from final;
