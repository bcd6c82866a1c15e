-- The live configuration: what the sidecars read, and who changed it when and why.

-- The sidecars scan the columns by position and stop on a null or on a metadata value that is no string:
-- the columns' order, `not null` and the check are what keeps them running.
create table configuration (
    key text not null constraint configuration_pkey primary key
        constraint configuration_key_form check (key ~ '^[a-z0-9._]{1,200}$'),
    value text not null constraint configuration_value_size check (length(value) <= 4096),
    version text not null constraint configuration_version_form check (version ~ '^[1-9][0-9]{0,17}$'),
    metadata jsonb not null default '{}' constraint configuration_metadata_strings check (
        jsonb_typeof(metadata) = 'object'
        and not jsonb_path_exists(metadata, 'strict $.* ? (@.type() <> "string")', '{}', true)
    )
);

-- Wakes the sidecars. It has the form that they read, but the value stays here: a message is lost with its
-- connection and overtaken by the next, so whoever is woken reads the table and applies what it finds by version.
create function notify_configuration() returns trigger language plpgsql as $$
declare
    changed configuration;
begin
    changed := case when tg_op = 'DELETE' then old else new end;
    perform pg_notify('config', json_build_object(
        'table', tg_table_name,
        'action', tg_op,
        'data', json_build_object(
            'key', changed.key, 'value', '', 'version', changed.version, 'metadata', json_build_object()
        )
    )::text);
    return null;
end
$$;

create trigger configuration_notify after insert or update or delete on configuration
    for each row execute function notify_configuration();

-- The sidecars' role sees this table and nothing else.
grant select on configuration to configuration_reader;

-- The last version given to any key. Its row lock makes versions become visible in their order.
create table configuration_head (
    id boolean not null default true constraint configuration_head_pkey primary key
        constraint configuration_head_single check (id),
    version bigint not null constraint configuration_head_version_positive check (version >= 0)
);

insert into configuration_head (version) values (0);

create table configuration_change (
    version bigint not null constraint configuration_change_pkey primary key
        constraint configuration_change_version_positive check (version > 0),
    key text not null,
    value text not null,
    changed_at timestamptz not null,
    changed_by uuid not null,
    reason text not null constraint configuration_change_reason_given check (length(reason) between 1 and 500)
);

create index configuration_change_key_idx on configuration_change (key, version);

-- Who changed what is never rewritten.
revoke update, delete, truncate on configuration_change from config_app;
