-- atlas:delimiter \n\n\n
-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261129175747', '') ON CONFLICT DO NOTHING;


-- Create "unsealed_entries" table
CREATE TABLE "unsealed_entries" (
  "id" uuid NOT NULL,
  PRIMARY KEY ("id")
);


-- Has each audit entry wait to be sealed, in its own transaction, whoever writes it: the rights and the tables are those of the function's
-- owner. A migration that rebuilds the table must create the trigger again.
CREATE FUNCTION audit_entries_wait_to_be_sealed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO unsealed_entries (id) VALUES (NEW.id);
  RETURN NULL;
END;
$$;


DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION audit_entries_wait_to_be_sealed() SET search_path = %I, pg_temp', current_schema());
END;
$$;


CREATE TRIGGER audit_entries_wait_to_be_sealed
  AFTER INSERT ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION audit_entries_wait_to_be_sealed();
