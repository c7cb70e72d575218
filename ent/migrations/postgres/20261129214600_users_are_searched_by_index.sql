-- Programs that do not know this migration run on it, too.
INSERT INTO migration_compatibility (version, needs) VALUES ('20261129214600', '') ON CONFLICT DO NOTHING;
-- Changes wait in a list before they go into the index, and each search reads all of it: 256 kB instead of 4 MB.
ALTER INDEX IF EXISTS user_search_trigrams SET (gin_pending_list_limit = 256);
