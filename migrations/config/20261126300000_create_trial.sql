-- Trials: a value for a part of the orders first, and what became of it.

create table configuration_trial (
    -- The version that began it names it.
    version bigint not null constraint configuration_trial_pkey primary key,
    key text not null,
    percent integer not null constraint configuration_trial_percent_part check (percent between 1 and 99),
    -- The value that is tried, as the sidecars carry it, and the type that its key had.
    value text not null,
    kind text not null,
    started_at timestamptz not null,
    started_by uuid not null,
    reason text not null constraint configuration_trial_reason_given check (length(reason) between 1 and 500),
    until timestamptz not null constraint configuration_trial_until_later check (until > started_at),
    ended_at timestamptz,
    -- Nobody where it ended by itself.
    ended_by uuid constraint configuration_trial_ended_by_end check (ended_by is null or ended_at is not null),
    outcome text constraint configuration_trial_outcome_known check (outcome in ('adopted', 'taken_back', 'overtaken')),
    -- The version that ended it; where the key was changed past it there is none.
    ended_version bigint constraint configuration_trial_ended_version_key unique
        constraint configuration_trial_ended_version_later check (ended_version > version),
    ended_reason text constraint configuration_trial_ended_reason_given check (length(ended_reason) between 1 and 500),
    -- The numbers of the two groups, where `order` could be asked.
    findings jsonb,
    constraint configuration_trial_change_fkey foreign key (version, key) references configuration_change (version, key),
    constraint configuration_trial_end_whole check (num_nulls(ended_at, outcome, ended_reason) in (0, 3)),
    constraint configuration_trial_change_made check (
        (ended_version is not null) = coalesce(outcome in ('adopted', 'taken_back'), false)
    )
);

create unique index configuration_trial_running_key on configuration_trial (key) where ended_at is null;

-- What was tried is never rewritten; only how it ended is added.
revoke update, delete, truncate on configuration_trial from config_app;
grant update (ended_at, ended_by, outcome, ended_version, ended_reason, findings) on configuration_trial to config_app;
