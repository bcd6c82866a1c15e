-- What operators did about events that failed, and what finding and sending events again needs. The same file in
-- every migrations folder.

-- One line for each event of each act, append-only, written with what it changes.
create table audit (
    id uuid not null constraint audit_pkey primary key,
    at timestamptz not null,
    -- The user who did it, and the permission that allowed it.
    actor uuid not null,
    permission text not null,
    act text not null constraint audit_act_known check (act in ('redrive', 'discard')),
    failed_event_id uuid not null constraint audit_failed_event_fkey references failed_event (id),
    reason text not null constraint audit_reason_given check (length(reason) between 1 and 500)
);

create index audit_failed_event_idx on audit (failed_event_id, id);

-- The service's role differs from database to database: whoever was granted rights on new tables loses these two.
do $$
declare
    service name;
begin
    for service in
        select distinct grantee from information_schema.role_table_grants
        where table_schema = current_schema and table_name = 'audit' and grantee <> current_user
    loop
        execute format('revoke update, delete, truncate on audit from %I', service);
    end loop;
end
$$;

-- What was sent or handled is asked for by the event's id.
create index failed_event_event_idx on failed_event (event_id) where event_id is not null;

-- What failed of an order stands on its timeline.
create index failed_event_subject_idx on failed_event (subject) where subject is not null;

-- What waits for a person or for another try, the newest first.
create index failed_event_open_idx on failed_event (id) where handled_at is null and discarded_at is null;

-- New pages are summarised as they fill up; until then every span of time would read all of them.
alter index outbox_published_idx set (autosummarize = on);
