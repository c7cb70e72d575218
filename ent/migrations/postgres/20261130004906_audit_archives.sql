-- atlas:delimiter \n\n\n
-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261130004906', '') ON CONFLICT DO NOTHING;


-- Create "audit_archives" table
CREATE TABLE "audit_archives" (
  "id" character varying NOT NULL,
  "size" bigint NOT NULL,
  "through" uuid NOT NULL,
  "record" text NOT NULL,
  "archived_at" timestamptz NOT NULL,
  PRIMARY KEY ("id")
);


-- A role that may write to new tables by default, as that of deploy/postgres/roles.sql, could else record what it has never archived.
DO $migration$
DECLARE
  role oid;
BEGIN
  FOR role IN
    SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) AS a
    WHERE c.oid = 'audit_archives'::regclass AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'
  LOOP
    EXECUTE 'REVOKE INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER ON audit_archives FROM '
      || CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END;
  END LOOP;
END;
$migration$;


-- What was archived is written once.
CREATE FUNCTION audit_archives_are_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'archives of audit entries are never changed or deleted' USING ERRCODE = 'restrict_violation';
END;
$$;


CREATE TRIGGER audit_archives_are_immutable
  BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_archives
  FOR EACH STATEMENT EXECUTE FUNCTION audit_archives_are_immutable();


-- Only an audit entry that is archived and at least 30 days old can be deleted. A migration that rebuilds the table must create the trigger
-- again.
DO $migration$
BEGIN
  EXECUTE format('CREATE FUNCTION audit_entries_are_archived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.occurred_at < now() - interval ''30 days'' AND EXISTS (SELECT FROM %I.audit_archives WHERE through >= OLD.id) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION ''audit entries are never changed or deleted before they are archived and old'' USING ERRCODE = ''restrict_violation'';
END;
$$', current_schema());
END;
$migration$;


CREATE TRIGGER audit_entries_are_archived
  BEFORE DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_entries_are_archived();


-- The trigger for each statement that makes this function run leaves deletions to that one once there are archives.
DO $migration$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION audit_entries_are_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = ''DELETE'' AND EXISTS (SELECT FROM %I.audit_archives) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION ''audit entries are never changed or deleted'' USING ERRCODE = ''restrict_violation'';
END;
$$', current_schema());
END;
$migration$;


-- The one way to delete entries for a role that may not: see deploy/postgres/roles.sql.
DO $migration$
BEGIN
  EXECUTE format('CREATE FUNCTION delete_archived_audit_entries(ids uuid[], before timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM %I.audit_entries WHERE id = ANY(ids) AND occurred_at < before;
END;
$$', current_schema());
END;
$migration$;


REVOKE ALL ON FUNCTION delete_archived_audit_entries(uuid[], timestamptz) FROM PUBLIC;
