-- atlas:delimiter \n\n\n
-- An audit entry is written once. A migration that rebuilds the table must create the triggers again.
CREATE TRIGGER audit_entries_refuse_update BEFORE UPDATE ON audit_entries
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never changed or deleted');
END;


CREATE TRIGGER audit_entries_refuse_delete BEFORE DELETE ON audit_entries
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never changed or deleted');
END;
