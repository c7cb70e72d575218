-- atlas:delimiter \n\n\n
-- Where the extension cannot be had, a search reads all users.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX user_search_trigrams ON users USING gin (search gin_trgm_ops);
EXCEPTION
  WHEN insufficient_privilege OR undefined_file OR undefined_object OR feature_not_supported OR invalid_schema_name THEN
    RAISE NOTICE 'no index for searching users: %', SQLERRM;
END;
$$;
