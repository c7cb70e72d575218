-- atlas:delimiter \n\n\n
-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261129175747', '') ON CONFLICT DO NOTHING;


-- Create "unsealed_entries" table
CREATE TABLE `unsealed_entries` (
  `id` uuid NOT NULL,
  PRIMARY KEY (`id`)
);


-- Has each audit entry wait to be sealed, in its own transaction. A migration that rebuilds the table must create the trigger again.
CREATE TRIGGER audit_entries_wait_to_be_sealed AFTER INSERT ON audit_entries
BEGIN
  INSERT INTO unsealed_entries (id) VALUES (NEW.id);
END;
