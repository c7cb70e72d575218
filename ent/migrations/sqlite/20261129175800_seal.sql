-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261129175800', '') ON CONFLICT DO NOTHING;
-- Create "seals" table
CREATE TABLE `seals` (
  `id` text NOT NULL,
  `size` integer NOT NULL,
  `checkpoint` text NOT NULL,
  `sealed_at` datetime NOT NULL,
  `holder` uuid NOT NULL,
  `held_until` datetime NOT NULL,
  `verified_size` integer NOT NULL,
  `verified_at` datetime NULL,
  `fault` text NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create "seal_tiles" table
CREATE TABLE `seal_tiles` (
  `id` text NOT NULL,
  `data` blob NOT NULL,
  PRIMARY KEY (`id`)
);
-- The entries from before the trigger, which is committed by now: each entry is seen here or has been seen by it.
INSERT INTO unsealed_entries (id) SELECT id FROM audit_entries WHERE true ON CONFLICT DO NOTHING;
