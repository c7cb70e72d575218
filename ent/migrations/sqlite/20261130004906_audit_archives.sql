-- atlas:delimiter \n\n\n
-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261130004906', '') ON CONFLICT DO NOTHING;


-- Create "audit_archives" table
CREATE TABLE `audit_archives` (
  `id` text NOT NULL,
  `size` integer NOT NULL,
  `through` uuid NOT NULL,
  `record` text NOT NULL,
  `archived_at` datetime NOT NULL,
  PRIMARY KEY (`id`)
);


-- What was archived is written once.
CREATE TRIGGER audit_archives_refuse_update BEFORE UPDATE ON audit_archives
BEGIN
  SELECT RAISE(ABORT, 'archives of audit entries are never changed or deleted');
END;


CREATE TRIGGER audit_archives_refuse_delete BEFORE DELETE ON audit_archives
BEGIN
  SELECT RAISE(ABORT, 'archives of audit entries are never changed or deleted');
END;


-- Only an audit entry that is archived and at least 30 days old can be deleted. A migration that rebuilds the table must create the trigger
-- again.
DROP TRIGGER audit_entries_refuse_delete;


CREATE TRIGGER audit_entries_refuse_delete BEFORE DELETE ON audit_entries
WHEN OLD.occurred_at >= strftime('%Y-%m-%d', 'now', '-30 days') OR NOT EXISTS (SELECT 1 FROM audit_archives WHERE through >= OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never changed or deleted before they are archived and old');
END;
