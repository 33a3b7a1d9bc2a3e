-- 72,001 cases of a past year, spread unevenly over all centres but the last: every third an application.
-- In one transaction; run by the app's own role.
BEGIN;
CREATE TEMPORARY TABLE load AS
SELECT nextval('tickets_id_seq') AS id, n, CASE WHEN n % 3 = 0 THEN 'Pieteikumi' ELSE 'Konsultācijas' END AS queue,
    timestamp '2025-01-01' + n * interval '7 minutes' AS at
FROM generate_series(1, 72001) AS n;
INSERT INTO tickets (id, effectiveid, queue, type, owner, subject, status, sla, creator, created, lastupdatedby, lastupdated)
SELECT l.id, l.id, q.id, 'ticket', u.id, 'ielādēta lieta ' || l.n, CASE q.name WHEN 'Pieteikumi' THEN 'slēgts' ELSE 'slēgta' END, NULL, u.id, l.at, u.id, l.at
FROM load l JOIN queues q ON q.name = l.queue CROSS JOIN (SELECT id FROM users WHERE name = 'Nobody') u;
INSERT INTO objectcustomfieldvalues (customfield, objecttype, objectid, content, sortorder, creator, created, lastupdatedby, lastupdated, disabled)
SELECT f.id, 'RT::Ticket', l.id, v.name, 0, u.id, l.at, u.id, l.at, 0
FROM load l
JOIN customfields f ON f.name = 'Centrs'
JOIN (SELECT customfield, name, row_number() OVER (PARTITION BY customfield ORDER BY sortorder) AS place FROM customfieldvalues) v
    ON v.customfield = f.id AND v.place = 1 + (l.n::bigint * l.n) % 74
CROSS JOIN (SELECT id FROM users WHERE name = 'Nobody') u;
COMMIT;
ANALYZE tickets, objectcustomfieldvalues;
