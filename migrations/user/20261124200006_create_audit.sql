-- Who did or was refused what, when and from where. Only ever added to.

create table audit_entry (
    id uuid not null constraint audit_entry_pkey primary key,
    at timestamptz not null,
    -- Of refusals that are counted together.
    last_at timestamptz not null,
    count bigint not null constraint audit_entry_count_positive check (count > 0),
    result text not null constraint audit_entry_result_known check (result in ('attempted', 'refused')),
    -- Null for somebody unknown, and where refusals of many are counted together.
    actor uuid,
    api_key uuid,
    operation text not null,
    permission text,
    -- The path's parameters, as far as they are ids and names of ours.
    subject text not null constraint audit_entry_subject_short check (length(subject) <= 500),
    address text constraint audit_entry_address_short check (length(address) <= 64),
    request_id text constraint audit_entry_request_short check (length(request_id) <= 64),
    constraint audit_entry_times check (last_at >= at)
);

create index audit_entry_actor_idx on audit_entry (actor, id);
create index audit_entry_operation_idx on audit_entry (operation, id);

-- How an attempt ended. An attempt without one was cut off: it may have been done.
create table audit_outcome (
    entry_id uuid not null constraint audit_outcome_pkey primary key
        constraint audit_outcome_entry_fkey references audit_entry (id),
    status smallint not null constraint audit_outcome_status_form check (status between 100 and 599),
    at timestamptz not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name
        using errcode = 'restrict_violation', constraint = 'audit_append_only';
end
$$;

create trigger audit_entry_append_only before update or delete or truncate on audit_entry
    for each statement execute function refuse_change();
create trigger audit_outcome_append_only before update or delete or truncate on audit_outcome
    for each statement execute function refuse_change();

-- The service's role differs from database to database: whoever was granted rights on new tables loses these.
do $$
declare
    service name;
    audited name;
begin
    for service, audited in
        select distinct grantee, table_name from information_schema.role_table_grants
        where table_schema = current_schema and table_name in ('audit_entry', 'audit_outcome')
            and grantee <> current_user
    loop
        execute format('revoke update, delete, truncate on %I from %I', audited, service);
    end loop;
end
$$;
