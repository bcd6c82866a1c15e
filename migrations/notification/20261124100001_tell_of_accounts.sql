-- What people are told of their accounts, mails with one-time codes, and whom to forget.

-- As messages about orders are, beside them: what is told of orders is counted for the books.
create table account_message (
    id uuid not null constraint account_message_pkey primary key,
    customer_id uuid not null,
    kind text not null
        constraint account_message_kind_known check (kind in ('password_changed', 'session_revoked')),
    cause text not null constraint account_message_cause_known check (
        cause ~ '^(password_change|session):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    ),
    channel text not null constraint account_message_channel_known check (channel in ('mailbox')),
    language text not null constraint account_message_language_known check (language in ('en')),
    subject text not null,
    body text not null,
    created_at timestamptz not null,
    caused_by text,
    trace_id text,
    -- Nobody is told the same thing twice, whatever is delivered twice.
    constraint account_message_once_key unique (customer_id, kind, cause, channel)
);

create index account_message_mailbox_idx on account_message (customer_id, id desc);

-- A mail with a one-time code, from when it was asked for. What stands in it is fetched when it is written, and kept
-- nowhere here.
create table mail (
    id uuid not null constraint mail_pkey primary key,
    customer_id uuid not null,
    kind text not null constraint mail_kind_known check (kind in ('verification', 'reset')),
    requested_at timestamptz not null,
    attempts integer not null constraint mail_attempts_counted check (attempts >= 0),
    -- When it is tried, or tried again; null once there is an outcome.
    next_at timestamptz,
    outcome text constraint mail_outcome_known check (outcome in ('sent', 'moot', 'refused')),
    settled_at timestamptz,
    caused_by text not null,
    constraint mail_outcome_whole check (
        (next_at is null) = (outcome is not null) and (outcome is null) = (settled_at is null)
    )
);

create index mail_due_idx on mail (next_at) where next_at is not null;

create table forgotten_customer (
    customer_id uuid not null constraint forgotten_customer_pkey primary key,
    at timestamptz not null
);

-- What was said is never rewritten; when an account is deleted it is no longer legible, and that it was said stays.
revoke update, delete, truncate on account_message from notification_app;
grant update (subject, body) on account_message to notification_app;
grant update (subject, body) on message to notification_app;
