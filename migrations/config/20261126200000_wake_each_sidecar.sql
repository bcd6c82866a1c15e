-- A channel for each sidecar, under a name that nobody can guess, in the place of one that everybody knew: PostgreSQL
-- lets every role notify on every channel, and a message that is not of their form ends a sidecar. A release of before
-- hears no message any more and sees changes at its polls.

create table configuration_channel (
    app text not null constraint configuration_channel_pkey primary key
        constraint configuration_channel_app_form check (app ~ '^[a-z]{1,40}$'),
    -- Longer names PostgreSQL would cut off.
    channel text not null constraint configuration_channel_key unique
        constraint configuration_channel_form check (channel ~ '^[a-z][a-z0-9_]{31,62}$')
);

-- Only the owner knows the names; what wakes the sidecars runs in its name.
revoke all on configuration_channel from config_app;

create or replace function notify_configuration() returns trigger
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    changed configuration;
begin
    changed := case when tg_op = 'DELETE' then old else new end;
    perform pg_notify(channel, json_build_object(
        'table', tg_table_name,
        'action', tg_op,
        'data', json_build_object(
            'key', changed.key, 'value', '', 'version', changed.version, 'metadata', json_build_object()
        )
    )::text) from configuration_channel;
    return null;
end
$$;

-- Nobody hangs it on a table of their own.
revoke all on function notify_configuration() from public;

-- What a value for some takes at most, many times over. What stands there already stays.
alter table configuration
    add constraint configuration_metadata_size check (length(metadata::text) <= 131072) not valid;
