-- Each migration from here on says which programs may run on it: those that know the one that it needs, or all when that is empty.
CREATE TABLE "migration_compatibility" (
  "version" character varying NOT NULL,
  "needs" character varying NOT NULL,
  PRIMARY KEY ("version")
);
