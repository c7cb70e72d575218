-- atlas:delimiter \n\n\n
-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261129214500', '') ON CONFLICT DO NOTHING;


-- As before, but that the table's schema stands in the function: a search_path of the function's own took half its time.
DO $migration$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION audit_entries_wait_to_be_sealed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO %I.unsealed_entries (id) VALUES (NEW.id);
  RETURN NULL;
END;
$$', current_schema());
END;
$migration$;
