-- Sessions with their refresh tokens, and what an account has beside its password.

alter table account
    -- When somebody showed that the address is theirs.
    add column email_verified_at timestamptz,
    -- Grows with each change of the profile.
    add column version bigint not null default 1 constraint account_version_counted check (version > 0),
    -- A deleted account keeps its id, to which orders belong, and nothing that says whose it was.
    add column deleted_at timestamptz,
    add constraint account_deleted_is_nobody check (deleted_at is null or email = 'deleted-' || id || '@deleted.invalid');

-- One log-in on one device.
create table session (
    id uuid not null constraint session_pkey primary key,
    user_id uuid not null constraint session_account_fkey references account (id),
    -- Whether it began with a second factor.
    second_factor boolean not null,
    -- What the client says that it is, shortened.
    device text not null constraint session_device_short check (length(device) between 1 and 120),
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text constraint session_end_known check (end_reason in ('logged_out', 'reused', 'password', 'deleted')),
    constraint session_end_whole check ((ended_at is null) = (end_reason is null))
);

create index session_open_idx on session (user_id, id desc) where ended_at is null;
create index session_expires_idx on session (expires_at);

-- Each is taken once; one that comes again ends its session. Only hashes: whoever reads them can log in nowhere.
create table refresh_token (
    hash bytea not null constraint refresh_token_pkey primary key
        constraint refresh_token_hashed check (length(hash) = 32),
    session_id uuid not null constraint refresh_token_session_fkey references session (id) on delete cascade,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);

create index refresh_token_session_idx on refresh_token (session_id);

-- From where an account was logged in to before, hashed: these addresses stay open when others guess at it.
create table known_address (
    user_id uuid not null constraint known_address_account_fkey references account (id),
    address bytea not null,
    seen_at timestamptz not null,
    constraint known_address_pkey primary key (user_id, address)
);

create index known_address_seen_idx on known_address (seen_at);
