-- Accounts, their roles, and the log-ins that failed lately.

create table account (
    id uuid not null constraint account_pkey primary key,
    -- As people are found by it: trimmed and in lower case.
    email text not null constraint account_email_key unique
        constraint account_email_form check (length(email) between 3 and 254 and email = lower(btrim(email))),
    name text not null constraint account_name_given check (length(name) between 1 and 200),
    -- Argon2id as a PHC string, so each hash knows its own cost.
    password_hash text not null constraint account_password_hashed check (password_hash like '$argon2id$%'),
    created_at timestamptz not null
);

create table user_role (
    user_id uuid not null constraint user_role_account_fkey references account (id),
    role text not null constraint user_role_known check (role in ('customer', 'admin')),
    granted_at timestamptz not null,
    constraint user_role_pkey primary key (user_id, role)
);

create index user_role_role_idx on user_role (role);

-- One counter for each account tried from an address and one for each address; hashed, since an attempt may name
-- an account that does not exist and need not leave its address here.
create table login_failure (
    subject bytea not null constraint login_failure_pkey primary key,
    failures integer not null constraint login_failure_counted check (failures >= 0),
    since timestamptz not null
);

create index login_failure_since_idx on login_failure (since);
