-- Two roles for Paddock's database. paddock_migrate owns the tables and is for `paddock migrate` and `paddock audit archive` alone.
-- paddock_app is for `paddock serve`: it can neither change the schema nor update entries of the audit trail, and can delete only those
-- that are archived and old.
--
-- Run this in the database that is Paddock's alone, as a superuser or as the database's owner with CREATEROLE: before the first
-- `paddock migrate`, and after each. It may be run at any time, also on a database that another role has used Paddock with until
-- now; what that one owns becomes paddock_migrate's.
--
--   psql -d paddock -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql
--
-- New roles have no passwords: `\password paddock_migrate` and `\password paddock_app` in psql set them.

BEGIN;

DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['paddock_migrate', 'paddock_app'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', role);
    END IF;
  END LOOP;
  IF NOT pg_has_role(current_user, 'paddock_migrate', 'USAGE') THEN -- no superuser
    EXECUTE format('GRANT paddock_migrate TO %I', current_user);
  END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO paddock_migrate, paddock_app', current_database());
  EXECUTE format('GRANT CREATE ON DATABASE %I TO paddock_migrate', current_database()); -- for trusted extensions
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC, paddock_app;
GRANT USAGE, CREATE ON SCHEMA public TO paddock_migrate;
GRANT USAGE ON SCHEMA public TO paddock_app;

-- What another role owns becomes paddock_migrate's: who owns a table or a trigger's function can change it.
DO $$
DECLARE
  object text;
BEGIN
  FOR object IN
    SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relowner <> 'paddock_migrate'::regrole
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  LOOP
    EXECUTE 'ALTER TABLE ' || object || ' OWNER TO paddock_migrate';
  END LOOP;
  FOR object IN
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> 'paddock_migrate'::regrole
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE 'ALTER ROUTINE ' || object || ' OWNER TO paddock_migrate';
  END LOOP;
END
$$;

-- Of the tables that exist, and of those that later migrations make.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM paddock_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO paddock_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paddock_app;
ALTER DEFAULT PRIVILEGES FOR ROLE paddock_migrate IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO paddock_app;
ALTER DEFAULT PRIVILEGES FOR ROLE paddock_migrate IN SCHEMA public GRANT USAGE ON SEQUENCES TO paddock_app;

-- The audit trail is added to and read, the records of migrations and of archives read. Until this has run after the migration that
-- made the table, a trigger alone guards the audit trail, which paddock_app cannot drop; the table of archives is made without the right
-- to write to it.
DO $$
DECLARE
  object text;
BEGIN
  IF to_regclass('public.audit_entries') IS NOT NULL THEN
    REVOKE UPDATE, DELETE ON public.audit_entries FROM paddock_app;
  END IF;
  -- It deletes by this function alone, and what `paddock audit archive` has archived as paddock_migrate.
  IF to_regprocedure('public.delete_archived_audit_entries(uuid[], timestamptz)') IS NOT NULL THEN
    GRANT EXECUTE ON FUNCTION public.delete_archived_audit_entries(uuid[], timestamptz) TO paddock_app;
  END IF;
  FOREACH object IN ARRAY ARRAY['atlas_schema_revisions', 'migration_compatibility', 'audit_archives'] LOOP
    IF to_regclass('public.' || object) IS NOT NULL THEN
      EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON public.%I FROM paddock_app', object);
    END IF;
  END LOOP;
END
$$;

COMMIT;
