-- Counts every table and dumps in one snapshot. Counting locks the tables against changes of their shape, which would be seen
-- in a snapshot, too; such a change that waits would make pg_dump wait for it and it for this session, so pg_dump waits 10 s.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_catalog.set_config('search_path', '', true) AS nothing \gset
SET LOCAL lock_timeout = '10min';
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL row_security = off;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\ir facts.sql
\! /usr/local/lib/postgresql/pg_dump --no-password --format=custom --compress=0 --lock-wait-timeout=10000 --snapshot="$SNAPSHOT" --file="$KOPNAMS_OUT/dump.part" --dbname="$CONNECTION" 2>"$SCRATCH/pg_dump" && : >"$SCRATCH/dumped"
COMMIT;
