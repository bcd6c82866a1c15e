-- Mails with one-time codes, from when they are asked for.

create table mail (
    id uuid not null constraint mail_pkey primary key,
    user_id uuid not null constraint mail_account_fkey references account (id),
    purpose text not null constraint mail_purpose_known check (purpose in ('verification', 'reset')),
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);

create index mail_user_idx on mail (user_id, purpose, requested_at desc);
create index mail_expires_idx on mail (expires_at);

-- Given out when the mail is written, once for each time that it is written; only hashes.
create table mail_code (
    hash bytea not null constraint mail_code_pkey primary key
        constraint mail_code_hashed check (length(hash) = 32),
    mail_id uuid not null constraint mail_code_mail_fkey references mail (id) on delete cascade,
    issued_at timestamptz not null
);

create index mail_code_mail_idx on mail_code (mail_id);

-- Whoever asks for a new password gets the same answer at once; whether there is such an account is looked up later.
create table reset_request (
    id uuid not null constraint reset_request_pkey primary key,
    email text not null constraint reset_request_email_short check (length(email) <= 254),
    requested_at timestamptz not null
);
