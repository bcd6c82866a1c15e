-- What is looked for every minute, to be forgotten.
create index account_deleted_idx on account (id) where deleted_at is not null;
create index refresh_token_expires_idx on refresh_token (expires_at);
