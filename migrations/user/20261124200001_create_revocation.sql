-- What ends access tokens before their time: the feed that every gateway replica pulls.

-- Grows whenever all that a user's tokens say is no longer so; a token carries the one it was signed with.
alter table account add column token_generation bigint not null default 0
    constraint account_token_generation_counted check (token_generation >= 0);

create table revocation (
    id uuid not null constraint revocation_pkey primary key,
    -- Who wrote it. Transactions commit in another order than they begin: whoever reads on goes back to the oldest
    -- one that was open.
    transaction xid8 not null default pg_current_xact_id(),
    kind text not null constraint revocation_kind_known check (kind in ('session', 'key', 'user')),
    -- The session's, API key's or user's id.
    subject uuid not null,
    -- A user's tokens of an earlier generation are no longer taken.
    generation bigint,
    at timestamptz not null,
    constraint revocation_generation_fits check ((kind = 'user') = (generation is not null))
);

create index revocation_transaction_idx on revocation (transaction, id);
create index revocation_at_idx on revocation (at);
