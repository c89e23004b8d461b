-- Everything that a dump could stumble over, and two tables that are large enough to be copied in pieces.
CREATE TABLE "Odd ""name"" é
of two lines" ("a b" int, "sélect" text, "CASE" text, doubled int GENERATED ALWAYS AS (2 * "a b") STORED);
INSERT INTO "Odd ""name"" é
of two lines" VALUES (1, E'\\.', NULL), (2, E'\\.\nCOPY public.x FROM stdin;\n\\.\n', E'\t\b\f\v\r'), (3, '\N', ''), (4, 'Ünïcödé 🎉', '\\');
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE empty (id int);
CREATE TABLE dropped_column (a int, b int, c int);
ALTER TABLE dropped_column DROP COLUMN b;
INSERT INTO dropped_column VALUES (1, 3);

CREATE FUNCTION misleading() RETURNS text LANGUAGE sql AS $_$ SELECT 'x
COPY public.empty (id) FROM stdin;
1
\.
-- PostgreSQL database dump complete
'::text $_$;
COMMENT ON FUNCTION misleading() IS 'a
COPY public.empty (id) FROM stdin;
\.
';

CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE typed (m mood, p pair, d positive, b bytea, j jsonb, a text[], f float8, r real, t timestamptz, i interval, money money, x xml, bits bit(3), range tstzrange);
INSERT INTO typed VALUES ('it''s ok', '(1,"a,b")', 5, '\x00ff5c', '{"a": [1, "\\n"]}', '{a,NULL,"b c"}', 0.1 + 0.2::float8, 1e-30, '2024-06-01 12:00+02', '1 year 2 days -3:04', 12.34, '<a/>', B'101', '[2024-01-01,)');

CREATE TABLE measured (id bigint GENERATED ALWAYS AS IDENTITY, at date NOT NULL, v float8) PARTITION BY RANGE (at);
CREATE TABLE measured_old PARTITION OF measured FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE measured_new PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO (MAXVALUE);
INSERT INTO measured (at, v) SELECT date '2023-12-01' + i, i / 7.0 FROM generate_series(1, 60) i;
CREATE TABLE parent (id int PRIMARY KEY, note text);
CREATE TABLE child (extra text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES (2, 'child', 'more');

CREATE SCHEMA "other schema";
CREATE TABLE "other schema".unlogged (id serial PRIMARY KEY, parent int REFERENCES parent);
ALTER TABLE "other schema".unlogged SET UNLOGGED;
INSERT INTO "other schema".unlogged (parent) VALUES (1), (NULL);
CREATE SEQUENCE tickets START 1000;
SELECT nextval('tickets'), nextval('tickets');
CREATE MATERIALIZED VIEW moods AS SELECT m, count(*) FROM typed GROUP BY m;
CREATE VIEW escaped AS SELECT E'a\\b''
COPY public.empty (id) FROM stdin;
' AS text;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := upper(NEW.note); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE RULE quiet AS ON DELETE TO empty DO INSTEAD NOTHING;
SELECT lo_from_bytea(0, '\x00010203ff'), lo_from_bytea(0, decode(repeat('ab', 100000), 'hex'));
CREATE EXTENSION hstore;
CREATE TABLE keyed (h hstore);
INSERT INTO keyed VALUES ('a=>1, "b c"=>NULL');
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE elsewhere (line text) SERVER files OPTIONS (filename '/etc/hostname');

CREATE TABLE "Large" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "text" text, twice int GENERATED ALWAYS AS (2) STORED, nothing text);
INSERT INTO "Large" ("text", nothing) SELECT md5(i::text) || repeat('-', i % 200), CASE WHEN i % 3 = 0 THEN E'\\.\n' END FROM generate_series(1, 150000) i;
DELETE FROM "Large" WHERE id % 10 = 3;
UPDATE "Large" SET "text" = 'moved' WHERE id % 1000 = 1;
CREATE TABLE wide (id int, body text);
ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
INSERT INTO wide SELECT i, repeat(md5(i::text), 3000) FROM generate_series(1, 250) i;
