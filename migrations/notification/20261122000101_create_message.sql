-- What was written to customers.

create table message (
    id uuid not null constraint message_pkey primary key,
    customer_id uuid not null,
    order_id uuid not null,
    kind text not null constraint message_kind_known check (kind in ('order_confirmed', 'order_rejected')),
    -- What is told of.
    cause text not null constraint message_cause_known check (cause in ('end')),
    channel text not null constraint message_channel_known check (channel in ('mailbox')),
    language text not null constraint message_language_known check (language in ('en')),
    subject text not null,
    body text not null,
    created_at timestamptz not null,
    -- Nobody is told the same thing twice, whatever is delivered twice.
    constraint message_once_key unique (order_id, kind, cause, channel)
);

create index message_mailbox_idx on message (customer_id, id desc);

-- What was said is never rewritten.
revoke update, delete, truncate on message from notification_app;
