-- What every service needs to speak in events and to answer once. The same file in every migrations folder.

-- Outbox: events written in the transaction that changed the state; the relay publishes them.

-- The last sequence given to each subject. Its row lock, held until commit, is why there are no gaps.
create table outbox_head (
    subject uuid not null constraint outbox_head_pkey primary key,
    sequence bigint not null constraint outbox_head_sequence_positive check (sequence > 0)
);

create table outbox (
    id uuid not null constraint outbox_pkey primary key,
    shard smallint not null constraint outbox_shard_known check (shard between 0 and 15),
    subject uuid not null,
    sequence bigint not null constraint outbox_sequence_positive check (sequence > 0),
    type text not null,
    -- An event that the broker does not take would stop all others.
    data jsonb not null constraint outbox_data_small check (pg_column_size(data) <= 400000),
    time timestamptz not null,
    correlation_id uuid,
    causation_id text,
    traceparent text,
    published_at timestamptz,
    constraint outbox_subject_sequence_key unique (subject, sequence)
);

-- What the relay reads: small for as long as the broker is there, however many published rows are kept.
create index outbox_pending_idx on outbox (shard, subject, sequence) where published_at is null;
create index outbox_published_idx on outbox using brin (published_at);

-- Inbox: the events already handled, written in the transaction that handled them.
create table inbox (
    event_id uuid not null constraint inbox_pkey primary key,
    type text not null,
    handled_at timestamptz not null
);

create index inbox_handled_idx on inbox using brin (handled_at);

-- Events that the handler refused, or that never reached it; one row for each, however often it fails.
create table failed_event (
    id uuid not null constraint failed_event_pkey primary key,
    topic text not null,
    -- The event's id where it can be read, else its place in the topic, else a hash of the payload.
    identity text not null,
    event_id uuid,
    type text,
    subject uuid,
    sequence bigint,
    partition integer,
    kafka_offset bigint,
    payload bytea not null,
    reason text not null constraint failed_event_reason_known check (reason in ('refused', 'undelivered')),
    error text not null,
    attempts integer not null constraint failed_event_attempts_positive check (attempts > 0),
    first_at timestamptz not null,
    last_at timestamptz not null,
    -- When what was not delivered is handled again; what was refused waits for a person.
    next_at timestamptz not null,
    handled_at timestamptz,
    discarded_at timestamptz,
    constraint failed_event_identity_key unique (topic, identity)
);

-- A dead letter that cannot be read finds its row by what it holds.
create index failed_event_payload_idx on failed_event (topic, sha256(payload));
create index failed_event_undelivered_idx on failed_event (topic, subject, sequence)
    where reason = 'undelivered' and handled_at is null and discarded_at is null;

-- ------------------------------------------------------------------------------------------------------------
-- Idempotency: what was answered under which key.
-- ------------------------------------------------------------------------------------------------------------
create table idempotency (
    caller uuid not null,
    operation text not null,
    key text not null,
    request_hash bytea not null,
    -- Null only until the transaction that claimed the key commits.
    status smallint,
    body text,
    created_at timestamptz not null default now(),
    constraint idempotency_key primary key (caller, operation, key)
);

create index idempotency_created_idx on idempotency using brin (created_at);
