-- atlas:delimiter \n\n\n
-- An audit entry is written once. A migration that rebuilds the table must create the trigger again.
CREATE FUNCTION audit_entries_are_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit entries are never changed or deleted' USING ERRCODE = 'restrict_violation';
END;
$$;


CREATE TRIGGER audit_entries_are_immutable
  BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_are_immutable();
