-- The keys that sign access tokens. The newest one whose time has come signs; the others are given out for as long as
-- a token of theirs may live.

create table signing_key (
    kid text not null constraint signing_key_pkey primary key
        constraint signing_key_kid_form check (length(kid) between 1 and 64),
    public_key bytea not null constraint signing_key_public_length check (length(public_key) = 32),
    -- The private key, sealed with the service's own key; nothing is left of it once it is retired.
    sealed bytea,
    made_at timestamptz not null,
    signs_from timestamptz not null,
    retired_at timestamptz,
    constraint signing_key_retired check ((retired_at is null) = (sealed is not null)),
    constraint signing_key_given_out_first check (signs_from >= made_at)
);
