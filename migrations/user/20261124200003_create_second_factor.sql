-- The second factor of a log-in: time-based codes (RFC 6238), and recovery codes for when the device is lost.

create table totp (
    user_id uuid not null constraint totp_pkey primary key constraint totp_account_fkey references account (id),
    -- The shared secret, sealed with the service's own key.
    sealed bytea not null,
    enrolled_at timestamptz not null,
    -- Asked for from then on.
    confirmed_at timestamptz,
    -- The time step whose code was taken last; no code is taken twice.
    last_step bigint not null default 0
);

create table recovery_code (
    user_id uuid not null constraint recovery_code_totp_fkey references totp (user_id) on delete cascade,
    -- SHA-256 of 80 random bits.
    hash bytea not null constraint recovery_code_hash_length check (length(hash) = 32),
    used_at timestamptz,
    constraint recovery_code_pkey primary key (user_id, hash)
);
