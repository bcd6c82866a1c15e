-- What the card processor tells of its own accord: each event once, with nothing that is personal, for a job to apply.
create table provider_event (
    -- The provider's name for it.
    id text not null constraint provider_event_pkey primary key,
    -- The order of arrival.
    number bigint not null generated always as identity constraint provider_event_number_key unique,
    kind text not null,
    subject text not null constraint provider_event_subject_known check (subject in ('intent', 'refund', 'dispute')),
    object_id text not null,
    intent_id text,
    -- What the object's metadata says.
    order_id uuid,
    cause text,
    -- The object's state, with the amount that this state is about.
    status text not null,
    amount bigint,
    currency text,
    -- Why the bank declined.
    code text,
    told_at timestamptz not null,
    received_at timestamptz not null,
    state text not null constraint provider_event_state_known check (
        state in ('waiting', 'applied', 'ignored', 'differs', 'unmatched')),
    -- What differs, or what is missing.
    detail text,
    tries integer not null constraint provider_event_tries_not_negative check (tries >= 0),
    next_at timestamptz,
    constraint provider_event_waits_for_a_time check ((state = 'waiting') = (next_at is not null)),
    constraint provider_event_lengths check (greatest(
        length(id), length(kind), length(object_id), length(intent_id), length(cause), length(status),
        length(code), length(detail)) <= 255),
    constraint provider_event_money_whole check ((amount is null) = (currency is null))
);

create index provider_event_work_idx on provider_event (number) where state = 'waiting';
-- What a person should see.
create index provider_event_issue_idx on provider_event (number) where state in ('waiting', 'differs', 'unmatched');
create index provider_event_received_idx on provider_event (received_at);

-- A dispute, and a refund made elsewhere, name the intent alone.
create index payment_intent_idx on payment (intent_id) where intent_id is not null;
