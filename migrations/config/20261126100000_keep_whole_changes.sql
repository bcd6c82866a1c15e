-- One version for a change of several keys, values for some, and what each replica runs with.

-- A version has one row for each of its keys.
alter table configuration_change
    drop constraint configuration_change_pkey,
    add constraint configuration_change_pkey primary key (version, key),
    -- Values for some, as JSON; `[]` for nobody.
    add column scopes text not null default '[]',
    -- The key's type when it was changed; not known of what was changed before this was kept.
    add column kind text,
    add column rolled_back_to bigint
        constraint configuration_change_rolled_back_to_earlier check (rolled_back_to between 0 and version - 1);

-- Lengths of time were whole numbers of a unit, and switches 0 or 1. Versions stay: whoever has read a value does not
-- read it again. History is left as it was written.
update configuration set value = value || 's'
where key in ('order.deadline', 'order.books_interval', 'payment.comparison_interval') and value ~ '^[0-9]+$';
update configuration set value = value || 'ms'
where key in ('payment.provider_timeout', 'gateway.deadline') and value ~ '^[0-9]+$';
update configuration set value = case value when '0' then 'false' else 'true' end
where key = 'user.staff_second_factor' and value in ('0', '1');

-- Two keys have other names; who changed them goes with them.
insert into configuration (key, value, version)
select 'order.capture', case value when '0' then 'at_once' else 'before_shipping' end, version
from configuration where key = 'order.capture_before_shipping' and value in ('0', '1')
on conflict on constraint configuration_pkey do nothing;
insert into configuration (key, value, version)
select 'user.signing_key_age', value || 'd', version
from configuration where key = 'user.signing_key_days' and value ~ '^[0-9]+$'
on conflict on constraint configuration_pkey do nothing;
insert into configuration_change (version, key, value, changed_at, changed_by, reason)
select version, 'order.capture', case value when '0' then 'at_once' else 'before_shipping' end,
    changed_at, changed_by, reason
from configuration_change where key = 'order.capture_before_shipping' and value in ('0', '1');
insert into configuration_change (version, key, value, changed_at, changed_by, reason)
select version, 'user.signing_key_age', value || 'd', changed_at, changed_by, reason
from configuration_change where key = 'user.signing_key_days' and value ~ '^[0-9]+$';

-- The last word of each replica; whoever is not heard of for a minute is forgotten.
create table configuration_report (
    app text not null,
    replica uuid not null,
    version bigint not null constraint configuration_report_version_positive check (version >= 0),
    -- Whether its store ever answered it.
    store_read boolean not null,
    -- Texts by key, as the replica's sidecar carries them.
    held jsonb not null constraint configuration_report_held_object check (jsonb_typeof(held) = 'object'),
    refused jsonb not null constraint configuration_report_refused_array check (jsonb_typeof(refused) = 'array'),
    reported_at timestamptz not null,
    constraint configuration_report_pkey primary key (app, replica)
);

create index configuration_report_time_idx on configuration_report (reported_at);
