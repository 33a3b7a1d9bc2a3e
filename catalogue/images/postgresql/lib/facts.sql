-- One line `schema.table rows` for each table, names quoted as SQL quotes them. Not those of extensions, which come with the
-- extension, nor what is computed (views); a partitioned table is counted by its partitions.
SELECT format(
    'SELECT %L || count(*) FROM ONLY %I.%I',
    translate(format('%I.%I', n.nspname, c.relname), E'\n\r', '  ') || ' ', n.nspname, c.relname
)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
\gexec
