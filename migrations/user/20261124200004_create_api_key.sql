-- Keys by which machines act for their owner, within permissions that the owner has.

create table api_key (
    id uuid not null constraint api_key_pkey primary key,
    user_id uuid not null constraint api_key_account_fkey references account (id),
    name text not null constraint api_key_name_given check (length(name) between 1 and 100),
    -- SHA-256 of the key, which is random and so needs no slow hash.
    hash bytea not null constraint api_key_hash_key unique
        constraint api_key_hash_length check (length(hash) = 32),
    permissions text[] not null constraint api_key_permissions_given check (cardinality(permissions) > 0),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz,
    constraint api_key_expires check (expires_at > created_at)
);

-- The natural key of creating one: a repetition is told that there is one of this name.
create unique index api_key_user_name_key on api_key (user_id, name) where revoked_at is null;
create index api_key_user_idx on api_key (user_id, id);
