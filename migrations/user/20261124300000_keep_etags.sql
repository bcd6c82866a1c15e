-- The ETag of a stored answer, so that a repetition gets it too. The same file in every migrations folder.
alter table idempotency add column etag text;
